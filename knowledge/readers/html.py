"""HTML: what a reader of the page sees, without its navigation."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from knowledge.readers.draft import Draft, one_line
from knowledge.readers.encodings import decode
from knowledge.readers.grid import SPAN, spread

_CHARSET = re.compile(rb"charset=[\"']?\s*([-\w]+)", re.IGNORECASE)
_SKIPPED_NAMES = """
    head script style template noscript nav footer svg math iframe object canvas button select
    option textarea audio video dialog menu
"""
_SKIPPED = frozenset(_SKIPPED_NAMES.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK_NAMES = """
    address article aside blockquote body center dd details div dl dt fieldset figcaption figure
    form header hgroup hr html legend main ol p section summary ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
# Elements that nothing but their end tag closes. The parser's time grows with the square of depth.
_NESTING = re.compile(
    r"<(/?)(?:a|article|b|blockquote|center|code|div|dl|em|font|form|i|ol|section|span|strong|table|u|ul)"
    r"\b",
    re.IGNORECASE,
)
NESTED = 2_000
_CELLS = ("td", "th")
_KEPT = re.compile(r"[ \t\r\n\f]+")


def read(data: bytes, _: str, draft: Draft) -> None:
    found = _CHARSET.search(data[:4096])
    add_html(decode(data, found[1].decode() if found else None), draft)


def add_html(text: str, draft: Draft) -> None:
    """Add a page, or a part of one, to the draft."""
    _check_nesting(text)
    tree = LexborHTMLParser(text)
    title = tree.css_first("head > title")
    if title is not None and not draft.title:
        draft.title = one_line(title.text())
    if tree.body is not None:
        _Walk(draft).walk(tree.body)


def _check_nesting(text: str) -> None:
    depth = 0
    for tag in _NESTING.finditer(text):
        depth = max(depth + (-1 if tag[1] else 1), 0)
        if depth > NESTED:
            raise RecursionError


class _Walk:
    """Goes through the elements in order, without recursion: pages nest as deep as they like."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._words: list[str] = []
        self._item_depth = 0
        self._heading = 0

    def walk(self, root: LexborNode) -> None:
        """Each node is on the stack twice: to enter, and to leave once its children are done."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node.tag or "")
            elif node.is_text_node:
                self._words.append(node.text_content or "")
            elif self._enter(node, node.tag or ""):
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(list(_children(node))))
        self._flush()

    def _enter(self, node: LexborNode, tag: str) -> bool:
        """Whether to go on with the children."""
        if tag in _SKIPPED or "hidden" in node.attributes:
            return False
        if tag == "table" and _is_data(node):
            self._flush()
            self._draft.table(spread(_cells(node)), header=_has_header(node))
            return False
        if tag == "pre":
            self._flush()
            self._draft.code(node.text())
            return False
        if tag == "br":
            self._words.append("\n")
        elif tag == "img":
            self._words.append(f" {node.attributes.get('alt') or ''} ")
        elif tag in _HEADINGS or tag in _BLOCKS or tag in _CELLS or tag == "li":
            self._flush()
            self._heading = _HEADINGS.get(tag, self._heading)
            self._item_depth += tag == "li"
        return True

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS or tag in _BLOCKS or tag in _CELLS or tag == "li":
            self._flush()
            self._item_depth -= tag == "li"
        if tag in _HEADINGS:
            self._heading = 0

    def _flush(self) -> None:
        lines = (_KEPT.sub(" ", line).strip() for line in _joined(self._words).split("\v"))
        text = "\n".join(lines).strip()
        self._words = []
        if not text:
            return
        if self._heading:
            self._draft.heading(text, self._heading)
        elif self._item_depth:
            self._draft.item(text, self._item_depth - 1)
        else:
            self._draft.paragraph(text)


def _joined(words: list[str]) -> str:
    """Line breaks that the page asks for (a word of their own) as vertical tabs."""
    return "".join("\v" if word == "\n" else word.replace("\v", " ") for word in words)


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        yield child
        child = child.next


def _is_data(table: LexborNode) -> bool:
    """Tables within, and tables of one column or one row, are for layout."""
    if table.css_first("table table") is not None:
        return False
    rows = table.css("tr")
    return len(rows) > 1 and max(len(row.css("td, th")) for row in rows[:50]) > 1


def _cells(table: LexborNode) -> Iterator[tuple[int, int, int, int, str]]:
    """(row, column, rows, columns, text). A cell gives way to what reaches down from above."""
    taken: dict[int, int] = {}  # column → the first row in which it is free again
    for row, line in enumerate(table.css("tr")):
        column = 0
        for cell in line.css("td, th"):
            while taken.get(column, 0) > row:
                column += 1
            height, width = _span(cell, "rowspan"), _span(cell, "colspan")
            yield row, column, height, width, cell.text(separator=" ")
            taken.update(dict.fromkeys(range(column, column + width), row + height))
            column += width


def _span(cell: LexborNode, name: str) -> int:
    value = cell.attributes.get(name) or "1"
    return min(max(int(value), 1), SPAN) if value.isdecimal() and len(value) < 6 else 1


def _has_header(table: LexborNode) -> bool | None:
    row = table.css_first("tr")
    cells = row.css("td, th") if row is not None else []
    return True if len(cells) > 1 and all(cell.tag == "th" for cell in cells) else None
