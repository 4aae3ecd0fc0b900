"""Spreadsheets (xlsx, xls, ods), read by calamine: a page for each sheet, under its name."""

import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from io import BytesIO
from typing import Any

from python_calamine import CalamineWorkbook, PasswordError

from knowledge.readers.archive import open_archive, title_of_office
from knowledge.readers.draft import Draft
from knowledge.readers.limits import LOCKED, MEGABYTE, Unreadable

_CELL = re.compile(rb"<(?:\w+:)?c[ >/]")
_PLACE = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")


def read(data: bytes, kind: str, draft: Draft) -> None:
    if kind != "xls":
        with open_archive(data, draft.limits) as archive:
            if kind == "xlsx":
                draft.title = title_of_office(archive)
                _check_sizes(archive, draft)
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(data))
    except PasswordError:
        raise Unreadable(LOCKED) from None
    names = [sheet.name for sheet in workbook.sheets_metadata if "Work" in str(sheet.typ)]
    draft.count_pages(len(names), "sheets")
    for number, name in enumerate(names, start=1):
        draft.page = number
        draft.under(name, 1)
        sheet = workbook.get_sheet_by_name(name)
        draft.table([_text(cell) for cell in row] for row in sheet.iter_rows())


def _check_sizes(archive: zipfile.ZipFile, draft: Draft) -> None:
    """Calamine keeps a sheet as a full rectangle: two cells can take all memory."""
    for member in archive.namelist():
        if not (member.startswith("xl/worksheets/") and member.endswith(".xml")):
            continue
        cells = rows = columns = 0  # how many, and the last ones
        for piece in _pieces(archive, member):
            cells += len(_CELL.findall(piece))
            if places := _PLACE.findall(piece):
                letters, numbers = (set(part) for part in zip(*places, strict=True))
                columns = max(columns, *map(_column, letters))
                rows = max(rows, *map(int, numbers))
            draft.check_cells(max(cells, rows * columns))


def _pieces(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """The member in pieces that end with a tag's end."""
    rest = b""
    with archive.open(member) as stream:
        while piece := stream.read(MEGABYTE):
            head, end, tail = piece.rpartition(b">")
            yield rest + head + end
            rest = tail
    yield rest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return str(cell)
