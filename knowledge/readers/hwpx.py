"""Hangul documents in their open format (hwpx), after KS X 6101 (OWPML)."""

import re
import zipfile
from collections.abc import Iterator

from lxml import etree

from knowledge.readers.archive import attribute, local, open_archive, parse_xml
from knowledge.readers.draft import Draft, one_line
from knowledge.readers.grid import spread
from knowledge.readers.hangul import HEADING_LENGTH, level_of_style
from knowledge.readers.limits import LOCKED, Unreadable

DEPTH = 40
_SECTION = re.compile(r"Contents/section(\d+)\.xml", re.IGNORECASE)
# Headers and footers stand on each page, and say nothing about one.
_REPEATED = {"header", "footer", "secPr"}


def read(data: bytes, _: str, draft: Draft) -> None:
    with open_archive(data, draft.limits) as archive:
        names = archive.namelist()
        if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read(
            "META-INF/manifest.xml"
        ):
            raise Unreadable(LOCKED)
        draft.title = _title(archive, names)
        walk = _Walk(draft, _levels(archive, names))
        sections = {int(found[1]): name for name in names if (found := _SECTION.fullmatch(name))}
        if not sections:
            raise Unreadable("It is an hwpx document without any section: it is damaged.")
        for number in sorted(sections):  # section10 comes after section2
            walk.blocks(parse_xml(archive.read(sections[number])))


def _title(archive: zipfile.ZipFile, names: list[str]) -> str | None:
    if "Contents/content.hpf" not in names:
        return None
    title = parse_xml(archive.read("Contents/content.hpf")).find(".//{*}metadata/{*}title")
    return title.text if title is not None else None


def _levels(archive: zipfile.ZipFile, names: list[str]) -> dict[tuple[str, str], int]:
    """("style" | "shape", id) of paragraphs that are headings → level from 1."""
    levels: dict[tuple[str, str], int] = {}
    if "Contents/header.xml" not in names:
        return levels
    header = parse_xml(archive.read("Contents/header.xml"))
    for shape in header.iter("{*}paraPr"):
        outline = shape.find("{*}heading")
        if outline is not None and attribute(outline, "type") == "OUTLINE":
            depth = attribute(outline, "level") or "0"
            levels["shape", attribute(shape, "id") or ""] = int(depth) + 1 if depth.isdigit() else 1
    for style in header.iter("{*}style"):
        name = attribute(style, "name") or attribute(style, "engName") or ""
        if found := level_of_style(name):
            levels["style", attribute(style, "id") or ""] = found
    return levels


class _Walk:
    def __init__(self, draft: Draft, levels: dict[tuple[str, str], int]) -> None:
        self._draft = draft
        self._levels = levels

    def blocks(self, parent: etree._Element, depth: int = 0) -> None:
        if depth > DEPTH:
            raise RecursionError
        for element in parent:
            if local(element) == "p":
                self._paragraph(element, depth)
            elif local(element) not in _REPEATED:
                self.blocks(element, depth + 1)

    def _paragraph(self, paragraph: etree._Element, depth: int) -> None:
        inner: list[etree._Element] = []
        text = "".join(self._text(paragraph, inner))
        level = self._levels.get(("style", attribute(paragraph, "styleIDRef") or ""))
        level = level or self._levels.get(("shape", attribute(paragraph, "paraPrIDRef") or ""))
        if level and len(text) <= HEADING_LENGTH:
            self._draft.heading(text, level)
        else:
            self._draft.paragraph(text)
        for element in inner:
            if local(element) == "tbl":
                self._table(element, depth + 1)
            else:
                self.blocks(element, depth + 1)

    def _text(self, parent: etree._Element, inner: list[etree._Element]) -> Iterator[str]:
        """The paragraph's own text; what holds paragraphs itself goes to `inner`."""
        for element in parent:
            name = local(element)
            if name == "t":
                yield from _characters(element)
            elif name == "script":
                yield f" {element.text or ''} "  # of an equation
            elif name == "tbl" or element.find("{*}p") is not None:
                inner.append(element)
            elif name not in _REPEATED and name != "shapeComment":
                yield from self._text(element, inner)

    def _table(self, table: etree._Element, depth: int) -> None:
        if depth > DEPTH:
            raise RecursionError
        caption = table.find("{*}caption")
        if caption is not None:
            self.blocks(caption, depth + 1)
        cells = [cell for row in table.iterfind("{*}tr") for cell in row.iterfind("{*}tc")]
        if all(_number(cell, "cellAddr", "colAddr") == 0 for cell in cells):  # a frame around text
            for cell in cells:
                self.blocks(cell, depth + 1)
            return
        self._draft.table(spread(self._placed(cell) for cell in cells))

    def _placed(self, cell: etree._Element) -> tuple[int, int, int, int, str]:
        return (
            _number(cell, "cellAddr", "rowAddr"),
            _number(cell, "cellAddr", "colAddr"),
            _number(cell, "cellSpan", "rowSpan"),
            _number(cell, "cellSpan", "colSpan"),
            self._cell(cell),
        )

    def _cell(self, cell: etree._Element) -> str:
        parts: list[str] = []
        for paragraph in cell.iter("{*}p"):
            parts.extend(self._text(paragraph, []))
            parts.append(" ")
        return one_line("".join(parts))


def _characters(text: etree._Element) -> Iterator[str]:
    """A ``t`` element's text; tabs, breaks and marks are elements within."""
    yield text.text or ""
    for element in text:
        name = local(element)
        if name in {"tab", "fwSpace", "nbSpace"}:
            yield " "
        elif name == "lineBreak":
            yield "\n"
        elif name == "hyphen":
            yield "-"
        elif name not in {"deleteBegin", "deleteEnd"}:
            yield from _characters(element)
        yield element.tail or ""


def _number(cell: etree._Element, child: str, name: str) -> int:
    element = cell.find("{*}" + child)
    value = (attribute(element, name) if element is not None else None) or "0"
    return int(value) if value.isdecimal() else 0
