"""Documents of every kind, made by the libraries that write them, or by hand from their formats."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import docx
import pptx
import xlsxwriter
from hwpx.document import HwpxDocument
from PIL import Image, ImageDraw
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate

from tests.knowledge.readers.compound_file import compound_file

FONTS = {"ko": "HYSMyeongJo-Medium", "zh": "STSong-Light", "ja": "HeiseiMin-W3"}
for font in FONTS.values():
    pdfmetrics.registerFont(UnicodeCIDFont(font))


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def pdf(*pages: Sequence[tuple[str, str]], title: str = "", outlined: bool = False) -> bytes:
    """Each page: (style, text); styles are h1, h2, en, ko, zh and ja."""
    sheet = getSampleStyleSheet()
    styles = {"h1": sheet["Heading1"], "h2": sheet["Heading2"], "en": sheet["Normal"]}
    for language, name in FONTS.items():
        style = ParagraphStyle(language, sheet["Normal"], fontName=name, wordWrap="CJK")
        styles[language] = style
    story: list[Flowable] = []
    for page in pages:
        story += [Paragraph(text, styles[style]) for style, text in page] + [PageBreak()]
    stream = io.BytesIO()

    def outline(canvas: object, _: object) -> None:
        if outlined:
            number = canvas.getPageNumber()  # type: ignore[attr-defined]
            canvas.bookmarkPage(f"p{number}")  # type: ignore[attr-defined]
            canvas.addOutlineEntry(f"Part {number}", f"p{number}", 0)  # type: ignore[attr-defined]

    SimpleDocTemplate(stream, title=title).build(story, onFirstPage=outline, onLaterPages=outline)
    return stream.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.core_properties.title = "취업 규칙"
    document.add_heading("휴가", 1)
    document.add_paragraph("연차 휴가는 15일이다.")
    document.add_heading("절차", 2)
    document.add_paragraph("신청한다", style="List Bullet")
    document.add_paragraph("승인받는다", style="List Bullet")
    table = document.add_table(3, 3)
    for column, name in enumerate(("이름", "부서", "일수")):
        table.cell(0, column).text = name
    table.cell(1, 0).merge(table.cell(2, 0)).text = "김철수"
    for row in (1, 2):
        table.cell(row, 1).text = f"부서 {row}"
        table.cell(row, 2).text = str(row)
    document.add_table(1, 1).cell(0, 0).text = "틀 안의 글"
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def slides() -> bytes:
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "四半期報告"
    first.placeholders[1].text = "売上は増加\n費用は減少"
    first.notes_slide.notes_text_frame.text = "ここで質問を受ける"
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    second.shapes.title.text = "表"
    table = second.shapes.add_table(2, 2, 0, 0, 3000000, 1000000).table
    for row, texts in enumerate((("地域", "売上"), ("東京", "120"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    stream = io.BytesIO()
    presentation.save(stream)
    return stream.getvalue()


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"constant_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return stream.getvalue()


_OPEN = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "drawing", "presentation")
)


def open_document(kind: str, body: str, manifest: str = "") -> bytes:
    """`kind` is text, spreadsheet or presentation."""
    mimetype = f"application/vnd.oasis.opendocument.{kind}"
    return zipped(
        {
            "mimetype": mimetype,
            "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:'
            f'manifest:1.0"><m:file-entry m:full-path="/" m:media-type="{mimetype}"/>'
            f"{manifest}</m:manifest>",
            "content.xml": f"<office:document-content {_OPEN}><office:body><office:{kind}>{body}"
            f"</office:{kind}></office:body></office:document-content>",
        }
    )


def book(chapters: Mapping[str, str], title: str) -> bytes:
    items = "".join(
        f'<item id="c{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
            'container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="'
            f'http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
            **{
                f"OEBPS/{name}": '<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.'
                f'org/1999/xhtml"><head><title>x</title></head><body>{body}</body></html>'
                for name, body in chapters.items()
            },
        }
    )


def hwpx() -> bytes:
    document = HwpxDocument.new()
    document.add_paragraph("공공 문서의 첫 문단입니다.")
    table = document.add_table(3, 2)
    for row, texts in enumerate((("이름", "직급"), ("김철수", "과장"), ("이영희", "부장"))):
        for column, text in enumerate(texts):
            table.set_cell_text(row, column, text)
    document.add_paragraph("표 다음의 문단입니다.")
    return bytes(document.to_bytes())


def hwpx_of(sections: Mapping[int, str], header: str = "") -> bytes:
    """By hand: the paragraphs' XML of each section, and what defines their shapes and styles."""
    return zipped(
        {
            "mimetype": "application/hwp+zip",
            "Contents/header.xml": f"<head>{header}</head>",
            **{f"Contents/section{n}.xml": f"<sec>{body}</sec>" for n, body in sections.items()},
        }
    )


# -- hwp 5, by Hancom's published description of the format --------------------------------------


def record(tag: int, level: int, data: bytes) -> bytes:
    if len(data) < 0xFFF:
        return struct.pack("<I", tag | level << 10 | len(data) << 20) + data
    return struct.pack("<II", tag | level << 10 | 0xFFF << 20, len(data)) + data


def hwp_paragraph(text: str, *, level: int = 0, style: int = 0, inside: bytes = b"") -> bytes:
    content = text.encode("utf-16-le") + b"\r\0"
    header = struct.pack("<IIHBB10x", len(content) // 2, 0, 0, style, 0)
    return record(66, level, header) + record(67, level + 1, content) + inside


def hwp_table(rows: Sequence[Sequence[str]], level: int = 1) -> bytes:
    cells = b""
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            place = struct.pack("<H6xHHHH", 1, column, number, 1, 1)
            cells += record(72, level + 1, place) + hwp_paragraph(text, level=level + 1)
    size = struct.pack("<IHH", 0, len(rows), len(rows[0]))
    return record(71, level, b" lbt" + bytes(40)) + record(77, level + 1, size) + cells


def hwp(*sections: bytes, flags: int = 1, styles: Sequence[str] = ("바탕글", "개요 1")) -> bytes:
    def packed(data: bytes) -> bytes:
        if not flags & 1:
            return data
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflate.compress(data) + deflate.flush()

    names = b"".join(
        record(26, 0, struct.pack("<H", len(name)) + name.encode("utf-16-le") + bytes(10))
        for name in styles
    )
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000300, flags)
    return compound_file(
        {
            "FileHeader": header.ljust(256, b"\0"),
            "DocInfo": packed(record(25, 0, bytes(54)) + names),
            "BodyText": {f"Section{n}": packed(body) for n, body in enumerate(sections)},
        }
    )


def outlook(subject: str, body: str) -> bytes:
    """A message of Outlook (MS-OXMSG): properties, and a stream for each text."""
    texts = {0x001A: "IPM.Note", 0x0037: subject, 0x1000: body, 0x0042: "김철수"}
    entries = b"".join(
        struct.pack("<HHIII", 0x001F, number, 6, 2 * len(text) + 2, 0)
        for number, text in texts.items()
    )
    return compound_file(
        {
            "__properties_version1.0": bytes(32) + entries,
            "__nameid_version1.0": {f"__substg1.0_000{n}0102": b"" for n in (2, 3, 4)},
            **{
                f"__substg1.0_{number:04X}001F": text.encode("utf-16-le")
                for number, text in texts.items()
            },
        }
    )


def mail(body: str, encoding: str) -> bytes:
    subject = base64.b64encode("회의 안내".encode()).decode()
    return (
        f"From: kim@example.com\nTo: lee@example.com\nSubject: =?utf-8?b?{subject}?=\n"
        "Date: Mon, 1 Jan 2024 09:00:00 +0900\nMIME-Version: 1.0\n"
        f"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; "
        f"charset={encoding}\nContent-Transfer-Encoding: base64\n\n"
        f"{base64.b64encode(body.encode(encoding)).decode()}\n--b\n"
        "Content-Type: application/pdf\nContent-Disposition: attachment; filename=plan.pdf\n\n"
        "x\n--b--\n"
    ).encode()


def old_workbook(name: str, rows: Sequence[Sequence[str | float]]) -> bytes:
    """A sheet of Excel 97 (MS-XLS, BIFF8)."""

    def part(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def begin(kind: int) -> bytes:
        return part(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 6))

    sheet, end = begin(0x10), part(0x0A, b"")
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, str):
                text = b"\1" + value.encode("utf-16-le")
                place = struct.pack("<HHHH", number, column, 0, len(value))
                sheet += part(0x204, place + text)
            else:
                sheet += part(0x203, struct.pack("<HHHd", number, column, 0, value))
    title = b"\1" + name.encode("utf-16-le")
    offset = len(begin(5)) + 4 + 7 + len(title) + len(end)
    bound = part(0x85, struct.pack("<IBBB", offset, 0, 0, len(name)) + title)
    return compound_file({"Workbook": begin(5) + bound + end + sheet + end})


def raw_pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1."""
    written, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return written + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d %s>>\nstartxref\n%d\n%%%%EOF"
        % (size, table, size, trailer, len(written))
    )


HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def page_of_pdf(content: bytes, *, filters: bytes = b"", font: bytes = HELVETICA) -> list[bytes]:
    """The objects of a PDF with one page; `font` is its font /F."""
    return [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
        b"/Resources<</Font<</F 5 0 R>>>>>>",
        b"<<%s/Length %d>>stream\n%s\nendstream" % (filters, len(content), content),
        font,
    ]


def scanned_pdf() -> bytes:
    """A page of which there is only a picture, one with text, and an empty one."""
    stream = io.BytesIO()
    canvas = Canvas(stream)
    picture = Image.new("L", (400, 100), 255)
    ImageDraw.Draw(picture).text((20, 20), "SCANNED WORDS", fill=0, font_size=40)
    canvas.drawImage(ImageReader(picture), 50, 500, 400, 100)
    canvas.showPage()
    canvas.drawString(100, 700, "Words of the second page")
    canvas.showPage()
    canvas.showPage()
    canvas.save()
    return stream.getvalue()
