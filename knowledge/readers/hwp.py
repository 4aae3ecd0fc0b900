"""Hangul documents in their binary format (hwp 5)."""

import struct
from collections.abc import Iterable, Iterator
from itertools import takewhile

from knowledge.readers.draft import Draft, one_line
from knowledge.readers.grid import spread
from knowledge.readers.hangul import HEADING_LENGTH, level_of_style
from knowledge.readers.hwp_records import (
    CTRL_HEADER,
    EQUATION,
    LIST_HEADER,
    PARA_HEADER,
    PARA_SHAPE,
    PARA_TEXT,
    STYLE,
    TABLE,
    HangulFile,
    Record,
    text_of,
)

DEPTH = 40
OUTLINE = 1  # of the kinds that a paragraph's shape has
# Headers and footers repeat on each page; the others are master pages and hidden comments.
_LEFT_OUT = {"head", "foot", "secd", "tcmt"}


def read(data: bytes, _: str, draft: Draft) -> None:
    document = HangulFile(data, draft.limits)
    draft.title = document.title()
    walk = _Walk(draft, document.styles())
    for paragraphs in document.sections():
        walk.blocks(paragraphs)


class _Walk:
    def __init__(self, draft: Draft, styles: list[Record]) -> None:
        self._draft = draft
        self._shapes = [_level_of_shape(r.data) for r in styles if r.tag == PARA_SHAPE]
        self._styles = [_level_of_style(r.data) for r in styles if r.tag == STYLE]

    def blocks(self, records: Iterable[Record], depth: int = 0) -> None:
        """Add the paragraphs among the records, however deep in controls."""
        if depth > DEPTH:
            raise RecursionError
        for record in records:
            if record.tag == PARA_HEADER:
                self._paragraph(record, depth)
            elif record.control == "tbl ":
                self._table(record, depth)
            elif record.control not in _LEFT_OUT:
                self._draft.paragraph(_equation(record))
                self.blocks(record.children, depth + 1)

    def _paragraph(self, paragraph: Record, depth: int) -> None:
        text = _text(paragraph)
        level = self._level(paragraph.data)
        if level and len(text) <= HEADING_LENGTH:
            self._draft.heading(text, level)
        else:
            self._draft.paragraph(text)
        controls = (child for child in paragraph.children if child.tag == CTRL_HEADER)
        self.blocks(controls, depth + 1)

    def _level(self, header: bytes) -> int:
        """Of a heading, from 1; 0 for other paragraphs."""
        if len(header) < 11:
            return 0
        shape, style = struct.unpack_from("<HB", header, 8)
        by_style = self._styles[style] if style < len(self._styles) else 0
        return by_style or (self._shapes[shape] if shape < len(self._shapes) else 0)

    def _table(self, control: Record, depth: int) -> None:
        children = control.children
        caption = list(takewhile(lambda child: child.tag != TABLE, children))
        self.blocks(caption, depth + 1)
        cells = list(_cells(children[len(caption) + 1 :]))
        if max((column for _, column, *_ in cells), default=0) == 0:  # a frame around text
            for *_, paragraphs in cells:
                self.blocks(paragraphs, depth + 1)
            return
        self._draft.table(
            spread(
                (row, column, rows, columns, " ".join(_texts(paragraphs)))
                for row, column, rows, columns, paragraphs in cells
            )
        )


def _text(paragraph: Record) -> str:
    return "".join(text_of(child.data) for child in paragraph.children if child.tag == PARA_TEXT)


def _cells(records: list[Record]) -> Iterator[tuple[int, int, int, int, list[Record]]]:
    """(row, column, rows, columns, paragraphs) of each: a list's header, then its paragraphs."""
    cell: tuple[int, int, int, int, list[Record]] | None = None
    for record in records:
        if record.tag == LIST_HEADER and len(record.data) >= 16:
            if cell:
                yield cell
            column, row, columns, rows = struct.unpack_from("<4H", record.data, 8)
            cell = (row, column, rows, columns, [])
        elif record.tag == PARA_HEADER and cell:
            cell[4].append(record)
    if cell:
        yield cell


def _texts(records: Iterable[Record], depth: int = 0) -> Iterator[str]:
    """All text in a cell, that of tables within too."""
    if depth > DEPTH:
        raise RecursionError
    for record in records:
        if record.tag == PARA_TEXT:
            yield one_line(text_of(record.data))
        yield _equation(record)
        yield from _texts(record.children, depth + 1)


def _equation(record: Record) -> str:
    """The script of an equation: its length in units and its characters, after a number."""
    for child in record.children:
        if child.tag == EQUATION and len(child.data) >= 6:
            (length,) = struct.unpack_from("<H", child.data, 4)
            return child.data[6 : 6 + 2 * length].decode("utf-16-le", "replace")
    return ""


def _level_of_shape(data: bytes) -> int:
    if len(data) < 4:
        return 0
    (properties,) = struct.unpack_from("<I", data)
    return (properties >> 25 & 7) + 1 if properties >> 23 & 3 == OUTLINE else 0


def _level_of_style(data: bytes) -> int:
    if len(data) < 2:
        return 0
    (length,) = struct.unpack_from("<H", data)
    return level_of_style(data[2 : 2 + 2 * length].decode("utf-16-le", "replace"))
