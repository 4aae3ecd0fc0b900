"""Word documents (docx): python-docx opens them, the elements are walked here.

Its own iteration leaves out content controls, inserted text and text boxes.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from docx import Document
from lxml import etree

from knowledge.readers.archive import attribute, local, open_archive, parse_xml, title_of_office
from knowledge.readers.draft import Draft, one_line

_NEW_PAGE = "lastRenderedPageBreak"  # where a page began when the document was saved
DEPTH = 40  # tables in tables
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_PAGES = re.compile(rb"<Pages>(\d+)</Pages>")
_TRANSPARENT = {"sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"}
_NO_TEXT = {"pPr", "rPr", "del", "moveFrom", "Fallback", "instrText", "delText", "pict"}


def read(data: bytes, _: str, draft: Draft) -> None:
    with open_archive(data, draft.limits) as archive:
        document = Document(BytesIO(data))
        draft.title = title_of_office(archive)
        if "docProps/app.xml" in archive.namelist():
            pages = _PAGES.search(archive.read("docProps/app.xml"))
        else:
            pages = None
    if document.element.body.find(f".//{{*}}{_NEW_PAGE}") is not None:
        draft.page = 1
    walk = _Walk(draft, _Styles(document))
    walk.blocks(document.element.body)
    walk.notes(document)
    if draft.page is not None:
        draft.count_pages(max(draft.page, int(pages[1]) if pages else 0))


class _Styles:
    """Which paragraphs are headings or items, by their own properties or their style's."""

    def __init__(self, document: Any) -> None:
        self._levels: dict[str, int] = {}
        self._lists: set[str] = set()
        for style in document.styles.element.iter("{*}style"):
            name = next((attribute(child, "val") or "" for child in style.iter("{*}name")), "")
            key = attribute(style, "styleId") or ""
            level = _outline_level(style)
            if found := _HEADING.fullmatch(name.strip()):
                level = int(found[1])
            elif name.lower() == "title":
                level = 1
            if level:
                self._levels[key] = level
            if name.lower().startswith("list") or next(style.iter("{*}numPr"), None) is not None:
                self._lists.add(key)

    def level(self, paragraph: etree._Element) -> int | None:
        return _outline_level(paragraph) or self._levels.get(_style_of(paragraph))

    def is_item(self, paragraph: etree._Element) -> bool:
        numbering = paragraph.find("{*}pPr/{*}numPr")
        return numbering is not None or _style_of(paragraph) in self._lists


class _Walk:
    def __init__(self, draft: Draft, styles: _Styles) -> None:
        self._draft = draft
        self._styles = styles

    def blocks(self, parent: etree._Element, depth: int = 0) -> None:
        """Add paragraphs and tables in order."""
        if depth > DEPTH:
            raise RecursionError
        for element in parent:
            name = local(element)
            if name == "p":
                self._paragraph(element, depth)
            elif name == "tbl":
                self._table(element, depth)
            elif name in _TRANSPARENT:
                self.blocks(element, depth + 1)

    def notes(self, document: Any) -> None:
        """Add footnotes and endnotes at the end."""
        for part in document.part.package.iter_parts():
            if str(part.partname) in {"/word/footnotes.xml", "/word/endnotes.xml"}:
                for note in parse_xml(part.blob):
                    if attribute(note, "type") is None:
                        self.blocks(note)

    def _paragraph(self, paragraph: etree._Element, depth: int) -> None:
        boxes: list[etree._Element] = []
        began = self._draft.page
        text = "".join(self._text(paragraph, boxes))
        ended, self._draft.page = self._draft.page, began
        if text.strip():
            level = self._styles.level(paragraph)
            if level:
                self._draft.heading(text, level)
            elif self._styles.is_item(paragraph):
                depth_of_item = paragraph.find("{*}pPr/{*}numPr/{*}ilvl")
                value = attribute(depth_of_item, "val") if depth_of_item is not None else None
                self._draft.item(text, int(value) if value and value.isdigit() else 0)
            else:
                self._draft.paragraph(text)
        self._draft.page = ended
        for box in boxes:
            self.blocks(box, depth + 1)

    def _text(self, parent: etree._Element, boxes: list[etree._Element]) -> Iterator[str]:
        for element in parent:
            name = local(element)
            if name == "t":
                yield element.text or ""
            elif name == "tab":
                yield "\t"
            elif name == _NEW_PAGE:
                self._draft.page = (self._draft.page or 1) + 1
            elif name in {"br", "cr"}:
                yield "\n"
            elif name == "noBreakHyphen":
                yield "-"
            elif name == "txbxContent":
                boxes.append(element)
            elif name not in _NO_TEXT:
                yield from self._text(element, boxes)

    def _table(self, table: etree._Element, depth: int) -> None:
        rows = list(_within(table, "tr"))
        cells = [list(_within(row, "tc")) for row in rows]
        if max(map(len, cells), default=0) <= 1:  # a frame around text, not a table
            for row in cells:
                for cell in row:
                    self.blocks(cell, depth + 1)
            return
        first = rows[0].find("{*}trPr/{*}tblHeader") is not None
        self._draft.table(self._rows(cells), header=True if first else None)

    def _rows(self, rows: list[list[etree._Element]]) -> Iterator[list[str]]:
        above: list[str] = []
        for row in rows:
            line: list[str] = []
            for cell in row:
                merged = cell.find("{*}tcPr/{*}vMerge")
                if merged is not None and attribute(merged, "val") != "restart":
                    line.append(above[len(line)] if len(line) < len(above) else "")
                else:
                    line.append(self._cell(cell))
                span = cell.find("{*}tcPr/{*}gridSpan")
                value = (attribute(span, "val") if span is not None else None) or "1"
                line.extend([""] * (min(int(value), 100) - 1 if value.isdigit() else 0))
            above = line
            yield line

    def _cell(self, cell: etree._Element) -> str:
        boxes: list[etree._Element] = []
        paragraphs = ("".join(self._text(p, boxes)) for p in cell.iter("{*}p"))
        return one_line(" ".join(paragraphs))


def _within(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    """Children of that name, also those in content controls."""
    for element in parent:
        if local(element) == name:
            yield element
        elif local(element) in _TRANSPARENT:
            yield from _within(element, name)


def _style_of(paragraph: etree._Element) -> str:
    style = paragraph.find("{*}pPr/{*}pStyle")
    return (attribute(style, "val") or "") if style is not None else ""


def _outline_level(element: etree._Element) -> int | None:
    """From 1; None for body text (Word's level 9)."""
    outline = element.find("{*}pPr/{*}outlineLvl")
    value = attribute(outline, "val") if outline is not None else None
    return int(value) + 1 if value and value.isdigit() and int(value) < 9 else None
