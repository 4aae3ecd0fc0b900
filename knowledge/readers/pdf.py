"""PDF, read by PDFium."""

import ctypes
import re
from collections.abc import Iterator
from math import hypot
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from knowledge.readers import ocr
from knowledge.readers.draft import Draft
from knowledge.readers.limits import LOCKED, Unreadable
from knowledge.readers.lines import Line, add_pages, is_garbled, told_title
from knowledge.readers.running_heads import without_running_heads

_HYPHENS = "\x02\ufffe"  # what PDFium makes of a hyphen that divides a word at a line's end
_WORD_JOINERS = re.compile(f"[{_HYPHENS}]")
_LINE = re.compile(r"[^\r\n]*[^\s][^\r\n]*")


def read(data: bytes, _: str, draft: Draft) -> None:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise Unreadable(LOCKED) from None
        raise
    draft.count_pages(len(document))
    draft.title = told_title(document.get_metadata_value("Title"))
    pages: list[list[Line]] = []
    pictures: list[int] = []
    characters = 0
    for index in range(len(document)):
        lines, has_objects = _page(document, index)
        if is_garbled(lines):
            lines = []
        if not lines and has_objects:
            pictures.append(index)
        characters += sum(len(line.text) for line in lines)
        draft.check_length(characters)
        pages.append(lines)
    if pictures and draft.limits.ocr:
        for index, lines in ocr.read_pages(document, pictures, draft.limits):
            pages[index] = lines
    draft.pages_without_text = [index + 1 for index in pictures if not pages[index]]
    add_pages(without_running_heads(pages), list(_outline(document)), draft)


def _page(document: pypdfium2.PdfDocument, index: int) -> tuple[list[Line], bool]:
    """The lines of a page in the order of its content, and whether anything is drawn on it."""
    page = document[index]
    try:
        text_page = page.get_textpage()
        try:
            lines = list(_lines(text_page))
        finally:
            text_page.close()
        return lines, pdfium.FPDFPage_CountObjects(page) > 0
    finally:
        page.close()


def _lines(text_page: pypdfium2.PdfTextPage) -> Iterator[Line]:
    handle = text_page.raw
    whole = text_page.get_text_range()
    # PDFium counts in UTF-16, in which characters beyond the first plane are two units.
    is_wide = bool(whole) and max(whole) > "\uffff"
    for found in _LINE.finditer(whole):
        text = found[0]
        start = found.start() + len(text) - len(text.lstrip())
        end = found.start() + len(text.rstrip())
        if is_wide:
            start, end = _units(whole[:start]), _units(whole[:end])
        first, last = _character(handle, start), _character(handle, end - 1)
        left, base, _ = _box(handle, first)
        _, last_base, right = _box(handle, last)
        hyphenated = text.rstrip()[-1] in _HYPHENS
        text = _WORD_JOINERS.sub("", text)
        yield Line(text, left, right, base, last_base, _size(handle, first), hyphenated)


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _character(handle: Any, index: int) -> int:
    """PDFium counts characters without a meaning too, which are not in the text."""
    return int(pdfium.FPDFText_GetCharIndexFromTextIndex(handle, index))


def _box(handle: Any, index: int) -> tuple[float, float, float]:
    """Left, bottom and right of a character's cell, in points."""
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(handle, index, ctypes.byref(box))
    return box.left, box.bottom, box.right


def _size(handle: Any, index: int) -> float:
    """Of a character's font as it is drawn, in points."""
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(handle, index, ctypes.byref(matrix))
    return float(pdfium.FPDFText_GetFontSize(handle, index)) * hypot(matrix.c, matrix.d)


def _outline(document: pypdfium2.PdfDocument) -> Iterator[tuple[int, int, str]]:
    """Bookmarks as (index of the page, level from 1, title)."""
    for bookmark in document.get_toc(max_depth=6):
        destination = bookmark.get_dest()
        index = destination.get_index() if destination else None
        title = bookmark.get_title()
        if index is not None and title.strip():
            yield index, bookmark.level + 1, title
