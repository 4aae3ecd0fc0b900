"""A reading in the making: readers add headings, paragraphs, items and rows in order."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from knowledge.readers.limits import Limits, Unreadable
from knowledge.reading import Block, BlockKind, Reading
from rini.text import composed, storable

ROWS_CHARACTERS = 600  # about what one passage holds, so that each passage has the header
HEADING_CHARACTERS = 200
TITLE_BLOCKS = 5  # among which the heading is that names the document
FIRST_ROWS = 10  # of a table: its captions and header are among them

# PostgreSQL keeps no NUL. The other control characters, the byte order mark and soft hyphens mean
# nothing in a text, and hide words from a search.
_MEANINGLESS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\ufeff\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# PDFs often hold these in place of the ideographs that they look like.
_RADICALS = re.compile("[⺀-⿟]+")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """The same text as PostgreSQL can keep and a search can find: NFC, lines that end with LF."""
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", text).replace("\xa0", " ")
    if _MEANINGLESS.search(text):
        text = _MEANINGLESS.sub("", text)
    text = _RADICALS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), storable(text))
    return composed(text)


def one_line(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


class Draft:
    """Collects the parts of a document. ``page`` is the number that the next parts get."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.page: int | None = None
        self.title: str | None = None
        self.page_count: int | None = None
        self.pages_without_text: list[int] = []
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._cells = 0
        self._levels: list[int] = []
        self._headings: tuple[str, ...] = ()
        self._first_heading = ""
        self._items: list[str] = []
        self._items_page: int | None = None

    def heading(self, text: str, level: int) -> None:
        """A heading of `level` (1 is the outermost); what follows stands under it."""
        text = one_line(clean(text))
        if not text:
            return
        self.end_list()
        self.leave_headings(level)
        self._add(text, BlockKind.HEADING)
        # One that comes later is a chapter's.
        if not self._first_heading and len(self._blocks) <= TITLE_BLOCKS and _has_letters(text):
            self._first_heading = text[:HEADING_CHARACTERS]
        self._levels.append(level)
        self._headings = (*self._headings, text[:HEADING_CHARACTERS])

    def under(self, name: str, level: int) -> None:
        """As `heading`, for a name that is not in the text: a sheet's, a message's."""
        self.end_list()
        self.leave_headings(level)
        self._levels.append(level)
        self._headings = (*self._headings, one_line(clean(name))[:HEADING_CHARACTERS])

    def leave_headings(self, level: int) -> None:
        """What follows stands under no heading of `level` or deeper."""
        while self._levels and self._levels[-1] >= level:
            self._levels.pop()
            self._headings = self._headings[:-1]

    def paragraph(self, text: str) -> None:
        self.end_list()
        self._add(clean(text).strip(), BlockKind.PARAGRAPH)

    def code(self, text: str) -> None:
        self.end_list()
        text = clean(text)
        self._add(text.strip("\n").rstrip() if text.strip() else "", BlockKind.CODE)

    def item(self, text: str, depth: int = 0) -> None:
        """An item of a list. Items one after the other are one block."""
        text = clean(text).strip()
        if text:
            if not self._items:
                self._items_page = self.page
            self._items.append("  " * min(depth, 8) + "- " + text)

    def written_list(self, text: str) -> None:
        """A whole list whose items have their marks already."""
        self.end_list()
        self._add(clean(text).strip(), BlockKind.LIST)

    def table(self, rows: Iterable[Sequence[str]], *, header: bool | None = None) -> None:
        """Rows of cells. `header`: the first row names the columns; None: if it looks like that."""
        counted = iter(self._counted(rows))
        first = [row for row in islice(counted, FIRST_ROWS) if row_line(row)]
        is_wide = any(_filled(row) > 1 for row in first)
        while is_wide and not header and _filled(first[0]) == 1:  # a caption, in a row of its own
            self.paragraph(next(filter(None, map(str.strip, first.pop(0)))))
        self.end_list()
        head = ""
        if first and (looks_like_header(first[0]) if header is None else header):
            head = row_line(first.pop(0))
        self._add_groups(head, filter(None, map(row_line, chain(first, counted))))

    def _add_groups(self, head: str, lines: Iterable[str]) -> None:
        group: list[str] = []
        size = groups = 0
        for line in lines:
            group.append(line)
            size += len(line) + 1
            if size >= max(ROWS_CHARACTERS, 2 * len(head)):
                self._add_rows(head, group)
                group, size, groups = [], 0, groups + 1
        if group or not groups:
            self._add_rows(head, group)

    def prose(self, text: str) -> None:
        """Text with blank lines between its paragraphs."""
        for part in re.split(r"\n[ \t]*\n", clean(text)):
            self.paragraph(part)

    def count_cells(self, count: int) -> None:
        self._cells += count
        self.check_cells(self._cells)

    def check_cells(self, count: int) -> None:
        if count > self.limits.cells:
            raise Unreadable(
                f"Its tables have more than {self.limits.cells:,} cells. "
                "Split it into smaller files."
            )

    def count_pages(self, count: int, what: str = "pages") -> None:
        self.page_count = count
        if count > self.limits.pages:
            raise Unreadable(
                f"It has {count:,} {what}, more than the {self.limits.pages:,} that are read. "
                "Split it into smaller files."
            )

    def check_length(self, characters: int) -> None:
        """For text that is not added yet."""
        if characters > self.limits.characters:
            raise Unreadable(
                f"Its text is longer than {self.limits.characters:,} characters. "
                "Split it into smaller files."
            )

    @property
    def block_count(self) -> int:
        return len(self._blocks)

    def finish(self, file_type: str) -> Reading:
        self.end_list()
        title = one_line(clean(self.title or ""))[:HEADING_CHARACTERS] or self._first_heading
        return Reading(
            text="".join(self._parts),
            blocks=tuple(self._blocks),
            title=title or None,
            file_type=file_type,
            page_count=self.page_count,
            pages_without_text=tuple(self.pages_without_text),
        )

    def _counted(self, rows: Iterable[Sequence[str]]) -> Iterable[Sequence[str]]:
        for row in rows:
            self.count_cells(len(row))
            yield row

    def _add_rows(self, head: str, rows: list[str]) -> None:
        self._add("\n".join([head, *rows] if head else rows), BlockKind.TABLE)

    def end_list(self) -> None:
        """What follows is another list."""
        if self._items:
            text, self._items = "\n".join(self._items).lstrip(), []
            self._add(text, BlockKind.LIST, page=self._items_page)

    def _add(self, text: str, kind: BlockKind, page: int | None = None) -> None:
        if not text:
            return
        gap = "\n\n" if self._parts else ""
        start = self._length + len(gap)
        self._length = start + len(text)
        self.check_length(self._length)
        self._parts.append(gap + text)
        self._blocks.append(Block(start, self._length, kind, page or self.page, self._headings))


def row_line(row: Sequence[str]) -> str:
    """Cells in a line, without the empty ones at its end; empty for a row without any text."""
    cells = [one_line(clean(cell)) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return " | ".join(cells).strip()


def looks_like_header(row: Sequence[str]) -> bool:
    """Whether each of two or more cells is filled with a short name: no number, no sentence."""
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return len(cells) > 1 and all(
        cell and len(cell) <= 60 and not cell[0].isdigit() and not cell.endswith((".", "。"))
        for cell in cells
    )


def _has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))


def _filled(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell.strip())
