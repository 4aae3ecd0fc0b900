"""OpenDocument texts and presentations (odt, odp), after OASIS OpenDocument 1.3."""

from collections.abc import Iterator

from lxml import etree

from knowledge.readers.archive import attribute, local, open_archive, parse_xml
from knowledge.readers.draft import Draft, one_line
from knowledge.readers.limits import LOCKED, Unreadable

DEPTH = 100
REPEATED = 100  # as many equal cells or spaces are believed
_NO_TEXT = {
    "note-citation",
    "tracked-changes",
    "annotation",
    "annotation-end",
    "sequence-decls",
    "forms",
    "desc",
}
_FRAMES = {"text-box", "notes", "footnote-body", "endnote-body", "note-body"}


def read(data: bytes, kind: str, draft: Draft) -> None:
    with open_archive(data, draft.limits) as archive:
        names = archive.namelist()
        if "META-INF/manifest.xml" in names:
            manifest = archive.read("META-INF/manifest.xml")
            if b"encryption-data" in manifest:
                raise Unreadable(LOCKED)
        if "meta.xml" in names:
            title = parse_xml(archive.read("meta.xml")).find(".//{*}title")
            draft.title = title.text if title is not None else None
        root = parse_xml(archive.read("content.xml"))
    body = root.find("{*}body")
    walk = _Walk(draft)
    if kind == "odp":
        slides = list(body.iter("{*}page")) if body is not None else []
        draft.count_pages(len(slides), "slides")
        for number, slide in enumerate(slides, start=1):
            walk.slide(slide, number)
    elif body is not None:
        if body.find(".//{*}soft-page-break") is not None:  # where pages began when it was saved
            draft.page = 1
        walk.blocks(body)
        if draft.page is not None:
            draft.count_pages(draft.page)


class _Walk:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def slide(self, slide: etree._Element, number: int) -> None:
        draft = self._draft
        draft.page = number
        draft.leave_headings(1)
        before = draft.block_count
        for frame in slide:
            if attribute(frame, "class") == "title":
                draft.heading(" ".join("".join(self._text(p)) for p in frame.iter("{*}p")), 1)
            else:
                self.blocks(frame)
        draft.end_list()
        if draft.block_count == before and len(slide):
            draft.pages_without_text.append(number)

    def blocks(self, parent: etree._Element, depth: int = 0) -> None:
        """Add what lies below an element in order."""
        if depth > DEPTH:
            raise RecursionError
        for element in parent:
            name = local(element)
            if name in _NO_TEXT:
                continue
            if name == "h":
                level = attribute(element, "outline-level") or "1"
                self._draft.heading(
                    "".join(self._text(element)), int(level) if level.isdigit() else 1
                )
            elif name == "p":
                self._paragraph(element)
                self._frames(element, depth)
            elif name == "list":
                self._list(element, 0)
            elif name == "table":
                self._table(element, depth)
            elif name == "soft-page-break":
                self._next_page()
            else:
                self.blocks(element, depth + 1)

    def _paragraph(self, paragraph: etree._Element) -> None:
        began = self._draft.page
        text = "".join(self._text(paragraph))
        ended, self._draft.page = self._draft.page, began
        self._draft.paragraph(text)
        self._draft.page = ended

    def _frames(self, paragraph: etree._Element, depth: int) -> None:
        """Text boxes and notes lie within the paragraph that they belong to."""
        for element in paragraph.iter():
            if local(element) in _FRAMES:
                self.blocks(element, depth + 1)

    def _list(self, element: etree._Element, depth: int) -> None:
        if depth > DEPTH:
            raise RecursionError
        for item in element:
            for part in item:
                if local(part) == "list":
                    self._list(part, depth + 1)
                elif local(part) == "h":
                    self.blocks(item)
                    break
                else:
                    self._draft.item("".join(self._text(part)), depth)

    def _text(self, parent: etree._Element) -> Iterator[str]:
        yield parent.text or ""
        for element in parent:
            name = local(element)
            if name == "s":
                count = attribute(element, "c") or "1"
                yield " " * (min(int(count), REPEATED) if count.isdigit() else 1)
            elif name in {"tab", "line-break"}:
                yield "\t" if name == "tab" else "\n"
            elif name == "soft-page-break":
                self._next_page()
            elif name not in _NO_TEXT and name not in _FRAMES:
                yield from self._text(element)
            yield element.tail or ""

    def _next_page(self) -> None:
        self._draft.page = (self._draft.page or 1) + 1

    def _table(self, table: etree._Element, depth: int) -> None:
        rows = [[*_cells(row)] for row in table.iter("{*}table-row")]
        nested = table.find(".//{*}table") is not None
        if nested or max(map(len, rows), default=0) <= 1:  # a frame around text
            for row in rows:
                for cell in row:
                    self.blocks(cell, depth + 1)
            return
        header = True if table.find("{*}table-header-rows") is not None else None
        self._draft.table(([self._cell(cell) for cell in row] for row in rows), header=header)

    def _cell(self, cell: etree._Element) -> str:
        texts = ("".join(self._text(p)) for p in cell.iter("{*}p", "{*}h"))
        return one_line(" ".join(texts))


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    for cell in row:
        if local(cell) in {"table-cell", "covered-table-cell"}:
            repeated = attribute(cell, "number-columns-repeated") or "1"
            for _ in range(min(int(repeated), REPEATED) if repeated.isdigit() else 1):
                yield cell
