"""Documents that are broken, locked, too large or hostile: each is refused with a clear reason.

Through the real reading process; afterwards none is left, nor anything on disk.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypdf import PdfWriter

from knowledge.readers.limits import Limits, Unreadable
from knowledge.readers.process import read
from tests.knowledge.readers import documents
from tests.knowledge.readers.compound_file import compound_file

MEGABYTE = 1024 * 1024
PROCESSES = Path("/proc")


def readers_running() -> list[str]:
    """Command lines of the reading processes on this machine (where it tells them)."""
    found = []
    for process in PROCESSES.glob("[0-9]*/cmdline") if PROCESSES.is_dir() else ():
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "knowledge.readers.child" in line and f'"parent": {os.getpid()}' in line:
            found.append(line)
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All that is written to temporary files would be here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []
    assert readers_running() == []


def reason(document: bytes | Path, name: str = "document", limits: Limits | None = None) -> str:
    with pytest.raises(Unreadable) as refusal:
        read(document, name, limits)
    return refusal.value.reason


def locked_pdf() -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(documents.pdf([("en", "secret")])))
    writer.encrypt("password", algorithm="AES-256")
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def many_pages(count: int) -> bytes:
    kids = b"3 0 R " * count
    return documents.raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    )


def word_of(body: str, before: str = "") -> bytes:
    types = "application/vnd.openxmlformats"
    main = f"{types}-officedocument.wordprocessingml.document.main+xml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    return documents.zipped(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
            'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
            'package.relationships+xml"/><Override PartName="/word/document.xml" '
            f'ContentType="{main}"/></Types>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
            f'relationships"><Relationship Id="r1" Type="{relation}" Target="word/document.xml"/>'
            "</Relationships>",
            "word/document.xml": f'{before}<w:document xmlns:w="http://schemas.openxmlformats.org/'
            f'wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>',
        }
    )


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def lying_archive() -> bytes:
    """A zip file that says of a member that it is small."""
    archive = word_of(paragraph("x" * 3 * MEGABYTE))
    size, true = struct.pack("<I", 100), 0
    at = archive.rindex(b"PK\x01\x02")  # the directory's entry of the last member
    true = struct.unpack_from("<I", archive, at + 24)[0]
    assert true > 3 * MEGABYTE
    return archive.replace(struct.pack("<I", true), size)


ENTITIES = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
NESTED = "nested too deeply"
DAMAGED = "it is damaged"
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "It is empty"),
    "blanks": (lambda: b" \n" * 100, "nothing but zeros or blanks"),
    "zeros": (lambda: bytes(MEGABYTE), "nothing but zeros"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "It is a PNG picture"),
    "a program": (lambda: b"\x7fELF" + bytes(range(256)), "It is a program"),
    "a plain archive": (lambda: documents.zipped({"a.txt": "x"}), "It is a zip archive"),
    "noise": (lambda: bytes(range(256)) * 50, "It is not text"),
    "an old Word document": (
        lambda: compound_file({"WordDocument": b"x" * 5000}),
        "Save it as .docx",
    ),
    "an encrypted pdf": (locked_pdf, "protected with a password"),
    "an encrypted Office file": (
        lambda: compound_file({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}),
        "protected with a password",
    ),
    "an encrypted hwp": (
        lambda: documents.hwp(documents.hwp_paragraph("x"), flags=3),
        "protected with a password",
    ),
    "an encrypted odt": (
        lambda: documents.open_document("text", "", "<m:encryption-data/>"),
        "protected with a password",
    ),
    "a pdf without text": (lambda: many_pages(2), "It has no text"),
    "a broken pdf": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 20, DAMAGED),
    "half a pdf": (lambda: documents.pdf([("en", "x")])[:1000], DAMAGED),
    "half a Word document": (lambda: documents.word()[:3000], "broken archive"),
    "half an hwp": (
        lambda: documents.hwp(documents.hwp_paragraph("x" * 9000), flags=0)[:3000],
        "broken|damaged",
    ),
    "a Word document without its body": (
        lambda: documents.zipped({"[Content_Types].xml": "<Types/>", "word/x.xml": "<x/>"}),
        DAMAGED,
    ),
    "an XML bomb": (lambda: word_of(paragraph("&b;"), ENTITIES), "declares entities"),
    "an XML bomb in UTF-16": (
        lambda: documents.zipped(
            {
                "mimetype": "application/vnd.oasis.opendocument.text",
                "content.xml": f"{ENTITIES}<x>&b;</x>".encode("utf-16"),
            }
        ),
        "declares entities",
    ),
    "an XML bomb in a sheet": (
        lambda: documents.zipped(
            {
                "[Content_Types].xml": "<Types/>",
                "xl/workbook.xml": f"{ENTITIES}<workbook>&b;</workbook>",
            }
        ),
        "declares entities",
    ),
    "100,000 pages": (lambda: many_pages(100_000), "100,000 pages, more than the 5,000"),
    "pages that contain themselves": (
        lambda: documents.raw_pdf(
            b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>"
        ),
        DAMAGED,
    ),
    "1,000,000 cells": (
        lambda: documents.zipped(
            {
                "[Content_Types].xml": "<Types/>",
                "xl/worksheets/sheet1.xml": '<c r="A1"><v>1</v></c>' * 1_000_000,
            }
        ),
        "more than 500,000 cells",
    ),
    "1,000,000 cells of csv": (lambda: b"1,2,3,4\n" * 250_000, "more than 500,000 cells"),
    "deep tables": (
        lambda: word_of("<w:tbl><w:tr><w:tc>" * 5000 + "</w:tc></w:tr></w:tbl>" * 5000),
        NESTED,
    ),
    "deep boxes in hwpx": (
        lambda: documents.hwpx_of({0: "<a>" * 100 + "<p/>" + "</a>" * 100}),
        NESTED,
    ),
    "deep json": (lambda: b"[" * 200_000 + b"]" * 200_000, NESTED),
    "deep html": (lambda: b"<html>" + b"<div>" * 500_000, NESTED),
    "deep rtf": (lambda: b"{\\rtf1" + b"{" * 500_000, NESTED),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_is_refused_with_its_reason(name: str) -> None:
    make, words = BAD[name]
    with pytest.raises(Unreadable, match=words):
        read(make(), "document")


def test_a_gigabyte_of_zeros_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "zeros.pdf"
    with path.open("wb") as stream:
        stream.truncate(1024 * MEGABYTE)
    assert "1,024 MB, more than the 100 MB" in reason(path)
    path.unlink()


def test_a_zip_bomb_is_found_before_it_is_unpacked() -> None:
    bomb = documents.zipped({"[Content_Types].xml": "", "word/document.xml": bytes(70 * MEGABYTE)})
    assert len(bomb) < MEGABYTE
    assert "unpacks to more than 64 MB" in reason(bomb, limits=Limits(expanded_mb=64))


def test_a_zip_file_that_lies_about_its_size_unpacks_to_no_more() -> None:
    assert "damaged" in reason(lying_archive(), limits=Limits(expanded_mb=1))


def test_an_hwp_that_unpacks_without_end_is_refused() -> None:
    body = documents.hwp_paragraph("가" * 3 * MEGABYTE)
    assert "unpacks to more than 2 MB" in reason(documents.hwp(body), limits=Limits(expanded_mb=2))


def test_two_cells_far_apart_are_a_sheet_of_millions() -> None:
    far: list[list[object]] = [["a"], *([[]] * 999_999), [*([None] * 100), "b"]]
    assert "more than 500,000 cells" in reason(documents.workbook({"a": far}))


def test_a_cell_repeated_without_end_is_refused() -> None:
    row = '<table:table-row table:number-rows-repeated="1048576"><table:table-cell '
    row += 'table:number-columns-repeated="16384" office:value-type="string"><text:p>x</text:p>'
    row += "</table:table-cell></table:table-row>"
    sheet = documents.open_document(
        "spreadsheet", f'<table:table table:name="a">{row}</table:table>'
    )
    assert reason(sheet)


def test_what_takes_too_much_memory_is_stopped() -> None:
    document = word_of(paragraph("x") * 300_000)
    assert "more than 64 MB of memory" in reason(document, limits=Limits(memory_mb=64))


def test_a_crash_in_native_code_ends_the_child_alone() -> None:
    """PDFium ends its process when it gets no memory."""
    page = zlib.compress(b" " * 100 * MEGABYTE)
    document = documents.raw_pdf(*documents.page_of_pdf(page, filters=b"/Filter/FlateDecode"))
    assert "64 MB of memory" in reason(document, limits=Limits(memory_mb=64))


def test_what_takes_too_long_is_stopped() -> None:
    assert "takes more than 0.01 seconds" in reason(b"text", limits=Limits(seconds=0.01))


def test_a_font_that_refers_to_itself_stops_nothing() -> None:
    font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[5 0 R]"
    page = documents.page_of_pdf(
        b"BT /F 12 Tf 9 9 Td (AAAA) Tj ET", font=font + b"/ToUnicode 5 0 R>>"
    )
    assert read(documents.raw_pdf(*page), "").page_count == 1


def test_a_program_as_a_font_stops_nothing() -> None:
    font = b"<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor<</Type/FontDescriptor"
    font += b"/FontName/X/FontFile2 4 0 R>>>>"  # the page's own content as font file
    page = documents.page_of_pdf(b"BT /F 12 Tf 9 9 Td (Words) Tj ET", font=font)
    assert read(documents.raw_pdf(*page), "").text == "Words"
