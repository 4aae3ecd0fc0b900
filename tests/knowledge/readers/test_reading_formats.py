"""What is read from each format, through the real reading process."""

from __future__ import annotations

import json

import pytest

from knowledge.readers.process import read
from knowledge.reading import Block, BlockKind, Reading
from tests.knowledge.readers import documents

H, P, L, T, C = (
    *(BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST, BlockKind.TABLE, BlockKind.CODE),
)


def told(reading: Reading) -> list[tuple[BlockKind, str]]:
    return [(block.kind, text(reading, block)) for block in reading.blocks]


def text(reading: Reading, block: Block) -> str:
    return reading.text[block.start : block.end]


def block_of(reading: Reading, words: str) -> Block:
    return next(block for block in reading.blocks if words in text(reading, block))


KOREAN = "문서를 올리면 알맞은 구절을 찾아 인용과 함께 대답합니다."
CHINESE = "".join(
    f"上传第{n}个文件之后，系统会找到正确的段落，并且带着引文回答问题。" for n in "一二三四五"
)
JAPANESE = "".join(
    f"{n}番目の文書を登録すると、適切な段落を見つけて、引用とともに答えます。" for n in "一二三四"
)
ENGLISH = " ".join(f"The lines of sentence {n} are put together again." for n in "abcdefgh")


def test_a_pdf_keeps_pages_headings_and_whole_sentences_in_four_scripts() -> None:
    pages = (
        [("h1", "Annual report"), ("en", ENGLISH), ("h2", "Details"), ("zh", CHINESE)],
        [("h1", "Second part"), ("ja", JAPANESE), ("ko", KOREAN)],
    )
    reading = read(documents.pdf(*pages, title="연차 보고서"), "report")
    assert (reading.file_type, reading.title, reading.page_count) == ("pdf", "연차 보고서", 2)
    assert told(reading) == [
        *((H, "Annual report"), (P, ENGLISH), (H, "Details"), (P, CHINESE)),
        *((H, "Second part"), (P, JAPANESE), (P, KOREAN)),
    ]
    chinese, korean = block_of(reading, CHINESE), block_of(reading, KOREAN)
    assert (chinese.page, chinese.headings) == (1, ("Annual report", "Details"))
    assert (korean.page, korean.headings) == (2, ("Second part",))


def test_a_pdf_keeps_characters_beyond_the_first_plane() -> None:
    names = b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
    names += b"2 beginbfchar <41> <D83DDE42> <42> <D842DFB7> endbfchar endcmap"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>"
    content = b"BT /F 12 Tf 50 700 Td (ABBAA one) Tj 0 -14 Td (and two) Tj ET"
    page = documents.page_of_pdf(content, font=font)
    stream = b"<</Length %d>>stream\n%s\nendstream" % (len(names), names)
    assert told(read(documents.raw_pdf(*page, stream), "")) == [(P, "🙂𠮷𠮷🙂🙂 one and two")]


def test_a_pdfs_outline_gives_its_headings() -> None:
    pages = ([("en", "Part 1"), ("en", "Words of one.")], [("en", "Words of two.")])
    reading = read(documents.pdf(*pages, outlined=True), "")
    assert told(reading)[0] == (H, "Part 1")
    assert block_of(reading, "Words of one").headings == ("Part 1",)
    assert block_of(reading, "Words of two").headings == ("Part 2",)  # not printed on its page


def test_pages_that_are_pictures_are_counted() -> None:
    reading = read(documents.scanned_pdf(), "scan.pdf")
    assert (reading.page_count, reading.pages_without_text) == (3, (1,))
    assert block_of(reading, "second page").page == 2


def test_a_pdf_that_pdfium_refuses_is_read_by_pypdf() -> None:
    page = documents.page_of_pdf(b"BT /F 12 Tf 50 700 Td (Words without a root) Tj ET")
    reading = read(documents.raw_pdf(*page, trailer=b""), "")
    assert reading.text == "Words without a root"


def test_a_word_document_keeps_headings_lists_and_merged_cells() -> None:
    reading = read(documents.word(), "rules.docx")
    assert (reading.file_type, reading.title) == ("docx", "취업 규칙")
    assert told(reading) == [
        *((H, "휴가"), (P, "연차 휴가는 15일이다."), (H, "절차")),
        (L, "- 신청한다\n- 승인받는다"),
        (T, "이름 | 부서 | 일수\n김철수 | 부서 1 | 1\n김철수 | 부서 2 | 2"),
        (P, "틀 안의 글"),
    ]
    assert block_of(reading, "신청").headings == ("휴가", "절차")


def test_slides_keep_their_numbers_titles_and_notes() -> None:
    reading = read(documents.slides(), "slides")
    assert (reading.file_type, reading.page_count) == ("pptx", 2)
    assert told(reading) == [
        *((H, "四半期報告"), (L, "- 売上は増加\n- 費用は減少"), (P, "ここで質問を受ける")),
        *((H, "表"), (T, "地域 | 売上\n東京 | 120")),
    ]
    assert (block_of(reading, "東京").page, block_of(reading, "東京").headings) == (2, ("表",))


def test_a_long_sheet_repeats_its_header_for_each_group_of_rows() -> None:
    rows: list[list[object]] = [
        ["2024년 매출"],
        [],
        ["지점", "금액"],
        *([f"지점 {n}", n * 1.5] for n in range(200)),
    ]
    reading = read(documents.workbook({"매출": rows, "빈 시트": []}), "x")
    assert (reading.file_type, reading.page_count) == ("xlsx", 2)
    first, *groups = reading.blocks
    assert (first.kind, text(reading, first)) == (P, "2024년 매출")
    assert len(groups) > 3
    lines = []
    for group in groups:
        assert (group.kind, group.page, group.headings) == (T, 1, ("매출",))
        header, *of_group = text(reading, group).split("\n")
        assert header == "지점 | 금액"
        lines += of_group
    assert lines[:3] == ["지점 0 | 0", "지점 1 | 1.5", "지점 2 | 3"]
    assert len(lines) == 200


def test_old_workbooks_are_read() -> None:
    reading = read(documents.old_workbook("매출", [["지점", "금액"], ["서울", 12.5]]), "x.xls")
    assert (reading.file_type, reading.text) == ("xls", "지점 | 금액\n서울 | 12.5")
    assert reading.blocks[0].headings == ("매출",)


def test_open_document_sheets_are_read() -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = (("名前", "部署"), ("佐藤", "営業"))
    body = "".join(
        f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>" for row in rows
    )
    body = f'<table:table table:name="社員">{body}</table:table>'
    reading = read(documents.open_document("spreadsheet", body), "")
    assert (reading.file_type, reading.text) == ("ods", "名前 | 部署\n佐藤 | 営業")


def test_open_document_texts_are_read() -> None:
    body = """<text:h text:outline-level="1">見出し</text:h>
      <text:p>本文<text:s text:c="2"/>です<text:note><text:note-citation>1</text:note-citation>
      <text:note-body><text:p>脚注</text:p></text:note-body></text:note></text:p>
      <text:list><text:list-item><text:p>一</text:p><text:list><text:list-item><text:p>二</text:p>
      </text:list-item></text:list></text:list-item></text:list>
      <text:p>前<text:soft-page-break/>後</text:p><text:p>次</text:p>
      <table:table><table:table-row><table:table-cell><text:p>甲</text:p></table:table-cell>
      <table:table-cell><text:p>乙</text:p></table:table-cell></table:table-row></table:table>"""
    reading = read(documents.open_document("text", body), "")
    assert (reading.file_type, reading.title, reading.page_count) == ("odt", "見出し", 2)
    assert told(reading) == [
        *(
            (H, "見出し"),
            (P, "本文  です"),
            (P, "脚注"),
            (L, "- 一\n  - 二"),
            (P, "前後"),
            (P, "次"),
        ),
        (T, "甲 | 乙"),
    ]
    assert [block_of(reading, words).page for words in ("本文", "前後", "次")] == [1, 1, 2]


def test_open_document_slides_are_read() -> None:
    page = """<drawing:page><drawing:frame presentation:class="title"><drawing:text-box>
      <text:p>제목</text:p></drawing:text-box></drawing:frame><drawing:frame><drawing:text-box>
      <text:p>본문</text:p></drawing:text-box></drawing:frame></drawing:page>"""
    reading = read(documents.open_document("presentation", page * 2), "")
    assert (reading.file_type, reading.page_count) == ("odp", 2)
    assert told(reading) == [(H, "제목"), (P, "본문")] * 2
    assert [block.page for block in reading.blocks] == [1, 1, 2, 2]


def test_a_books_chapters_are_read_in_the_spines_order() -> None:
    chapters = {
        "z.xhtml": "<h1>第一章</h1><p>开始。</p>",
        "a.xhtml": "<h1>第二章</h1><h2>一节</h2><p>结束。</p>",
    }
    reading = read(documents.book(chapters, "书名"), "book")
    assert (reading.file_type, reading.title) == ("epub", "书名")
    assert [text for _, text in told(reading)] == ["第一章", "开始。", "第二章", "一节", "结束。"]
    assert block_of(reading, "结束").headings == ("第二章", "一节")


def test_hwpx_documents_of_a_writer_are_read() -> None:
    reading = read(documents.hwpx(), "공문")
    assert reading.file_type == "hwpx"
    assert told(reading) == [
        (P, "공공 문서의 첫 문단입니다."),
        (T, "이름 | 직급\n김철수 | 과장\n이영희 | 부장"),
        (P, "표 다음의 문단입니다."),
    ]


def test_hwpx_sections_headings_tabs_and_boxes_are_read_in_order() -> None:
    header = """<paraPr id="3"><heading type="OUTLINE" level="1"/></paraPr>
      <style id="2" name="개요 1"/>"""
    sections = {n: f"<p><run><t>구역 {n}</t></run></p>" for n in range(1, 11)}
    sections[0] = """<p styleIDRef="2"><run><t>제1장</t></run></p>
      <p paraPrIDRef="3"><run><t>제1절</t></run></p>
      <p><run><secPr/><t>이름<tab/>값</t><ctrl><header><subList><p><run><t>머리말</t></run></p>
      </subList></header></ctrl><rect><drawText><subList><p><run><t>글상자</t></run></p></subList>
      </drawText></rect></run></p>"""
    reading = read(documents.hwpx_of(sections, header), "")
    assert told(reading) == [
        *((H, "제1장"), (H, "제1절"), (P, "이름 값"), (P, "글상자")),
        *((P, f"구역 {n}") for n in range(1, 11)),
    ]
    assert block_of(reading, "글상자").headings == ("제1장", "제1절")


@pytest.mark.parametrize("flags", [0, 1])
def test_hwp_documents_are_read_with_tables_tabs_and_headings(flags: int) -> None:
    tab = "\t" + "\0" * 7  # a tab is eight units long
    table = documents.hwp_table([["이름", "직급"], ["김철수", "과장"]])
    first = (
        documents.hwp_paragraph("제1장 총칙", style=1)
        + documents.hwp_paragraph(f"이름{tab}값 🙂")
        + documents.hwp_paragraph("\x0b" + "\0" * 7, inside=table)
    )
    long = documents.hwp_paragraph("긴 문단 " * 2000)
    reading = read(documents.hwp(first, long, flags=flags), "공문.hwp")
    assert reading.file_type == "hwp"
    assert told(reading) == [
        *((H, "제1장 총칙"), (P, "이름\t값 🙂"), (T, "이름 | 직급\n김철수 | 과장")),
        (P, ("긴 문단 " * 2000).strip()),
    ]
    assert block_of(reading, "김철수").headings == ("제1장 총칙",)


def test_html_is_read_as_it_is_seen() -> None:
    page = """<!doctype html><title>제목 하나</title><style>p {}</style><nav>차림표</nav>
      <h1>큰 제목</h1><p>문단은 <b>굵</b>게<br>다음 줄</p>
      <ul><li>하나<ul><li>속</li></ul><li>둘</ul>
      <h2>표</h2><table><tr><th>이름<th>값<tr><td rowspan=2>김<td>1<tr><td>2</table>
      <pre>def f():\n    pass</pre><script>alert(1)</script><p hidden>없음"""
    reading = read(page.encode("euc-kr"), "page")
    assert (reading.file_type, reading.title) == ("html", "제목 하나")
    assert told(reading) == [
        *((H, "큰 제목"), (P, "문단은 굵게\n다음 줄"), (L, "- 하나\n  - 속\n- 둘"), (H, "표")),
        *((T, "이름 | 값\n김 | 1\n김 | 2"), (C, "def f():\n    pass")),
    ]


def test_markdown_stays_as_written() -> None:
    source = """---\ntitle: "안내서"\n---\n# 제목\n문단은 **굵게**\n둘째 줄\n
- 하나\n  - 속\n- 둘
\n## 표 ##\n| 이름 | 값 |\n|---|---|\n| a\\|b | 1 |\n
```python\nx = 1\n```\n\n밑줄 제목\n===\n끝"""
    reading = read(source.encode(), "guide.md")
    assert (reading.file_type, reading.title) == ("md", "안내서")
    assert told(reading) == [
        *((C, 'title: "안내서"'), (H, "제목"), (P, "문단은 **굵게**\n둘째 줄")),
        *((L, "- 하나\n  - 속\n- 둘"), (H, "표"), (T, "이름 | 값\na\\|b | 1")),
        *((C, "```python\nx = 1\n```"), (H, "밑줄 제목"), (P, "끝")),
    ]


def test_rtf_is_read_in_its_code_page() -> None:
    source = (
        rb"{\rtf1\ansi\ansicpg949\deff0{\fonttbl{\f0\fcharset129 Batang;}}\f0 \'c7\'d1\'b1\'db "
        rb"\'b9\'ae\'bc\'ad\par \u54620?\u44544? two\par \trowd a\cell b\cell\row \trowd c\cell "
        rb"d\cell\row end\par}"
    )
    reading = read(source, "")
    assert reading.file_type == "rtf"
    assert told(reading) == [(P, "한글 문서"), (P, "한글 two"), (T, "a | b\nc | d"), (P, "end")]


def test_mail_is_read_with_who_wrote_it() -> None:
    reading = read(documents.mail("안녕하세요.\n\n회의는 내일입니다.", "euc-kr"), "")
    assert (reading.file_type, reading.title) == ("eml", "회의 안내")
    head, *body = [text for _, text in told(reading)]
    assert "From: kim@example.com" in head
    assert "Attachments: plan.pdf" in head
    assert body == ["안녕하세요.", "회의는 내일입니다."]


def test_outlooks_messages_are_read() -> None:
    reading = read(documents.outlook("회의 안내", "첫 문단\r\n\r\n둘째 문단"), "")
    assert (reading.file_type, reading.title) == ("msg", "회의 안내")
    assert [text for _, text in told(reading)] == [
        *("From: 김철수\nSubject: 회의 안내", "첫 문단", "둘째 문단"),
    ]


def test_json_is_written_out_in_members() -> None:
    value = {"이름": "김", "목록": [1, {"값": "\ud83d"}]}
    reading = read(json.dumps(value).encode(), "data.json")
    assert reading.file_type == "json"
    assert told(reading) == [
        (C, '"이름": "김"'),
        (C, '"목록": [\n  1,\n  {\n    "값": "\N{REPLACEMENT CHARACTER}"\n  }\n]'),
    ]
    assert reading.blocks[1].headings == ("목록",)


def test_json_may_have_a_value_on_each_line() -> None:
    reading = read(b'{"a": "\\ud55c"}\n{"a": 2}\n', "log.jsonl")
    assert told(reading) == [(C, '{\n  "a": "한"\n}'), (C, '{\n  "a": 2\n}')]


def test_what_only_begins_like_json_is_read_as_text() -> None:
    assert told(read(b"{not json}", "x.json")) == [(P, "{not json}")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_whatever_stands_between_its_fields(delimiter: str) -> None:
    rows = (("이름", "도시, 나라"), ("김", '"따옴표"; 둘'))
    quoted = ('"{}"'.format(field.replace('"', '""')) for row in rows for field in row)
    a, b, c, d = quoted
    source = f"{a}{delimiter}{b}\r\n{c}{delimiter}{d}\r\n"
    reading = read(source.encode("cp949"), "list.csv")
    assert told(reading) == [(T, '이름 | 도시, 나라\n김 | "따옴표"; 둘')]


def test_source_code_is_divided_where_something_new_begins() -> None:
    source = "import os\n\n\ndef 함수():\n\n    return 1\n\n\nclass A:\n\tx = 1\n"
    reading = read(source.encode(), "main.py")
    assert reading.file_type == "code"
    assert told(reading) == [
        *((C, "import os"), (C, "def 함수():\n\n    return 1"), (C, "class A:\n    x = 1")),
    ]


@pytest.mark.parametrize(
    ("content", "name", "file_type"),
    [
        (documents.word(), "misnamed.pdf", "docx"),
        (b"<html><p>x</html>", "page.txt", "html"),
        (b"# not a heading", "notes.txt", "txt"),
        (b"# a heading", "notes.MD", "md"),
        (b"#!/bin/sh\necho", "run", "code"),
        (b"all: x", "Makefile", "code"),
        (b"From here on\nit is a text.", "x", "txt"),
        ("이름,값,날\n김,1,2\n이,2,3".encode("cp949"), "목록", "csv"),
    ],
)
def test_content_decides_what_a_document_is(content: bytes, name: str, file_type: str) -> None:
    assert read(content, name).file_type == file_type
