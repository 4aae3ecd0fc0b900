"""How the lines of pages become headings, paragraphs and lists."""

from __future__ import annotations

from knowledge.readers.draft import Draft
from knowledge.readers.limits import Limits
from knowledge.readers.lines import Line, Outline, add_pages, told_title
from knowledge.readers.running_heads import without_running_heads
from knowledge.reading import BlockKind

SIZE, PITCH, WIDTH = 10.0, 12.0, 300.0


def page(*texts: str, top: float = 700.0, right: float | None = WIDTH) -> list[Line]:
    """Lines one below the other; `right`: where each ends (None: as wide as its text)."""
    return [
        Line(
            text,
            left=0.0,
            right=5.0 * len(text) if right is None else right,
            base=top - PITCH * number,
            last_base=top - PITCH * number,
            size=SIZE,
        )
        for number, text in enumerate(texts)
    ]


def told(pages: list[list[Line]], outline: Outline = ()) -> list[tuple[BlockKind, str]]:
    draft = Draft(Limits())
    add_pages(pages, outline, draft)
    reading = draft.finish("pdf")
    return [(block.kind, reading.text[block.start : block.end]) for block in reading.blocks]


def paragraphs(*lines: Line) -> list[str]:
    return [text for _, text in told([list(lines)])]


def test_lines_join_as_their_script_is_written() -> None:
    assert paragraphs(*page("one two", "three")) == ["one two three"]
    assert paragraphs(*page("系统会找到正", "确的段落")) == ["系统会找到正确的段落"]
    assert paragraphs(*page("適切な段落を見つ", "けて答える")) == ["適切な段落を見つけて答える"]
    assert paragraphs(*page("使用 Python", "编写")) == ["使用 Python 编写"]


def test_korean_that_is_cut_within_words_is_joined_where_line_ends_show_it() -> None:
    shown = page("아버지가 방에 ", "들어가신다 대한", "민국 만세를 ", "외치셨다")
    assert paragraphs(*shown) == ["아버지가 방에 들어가신다 대한민국 만세를 외치셨다"]
    assert paragraphs(*page("아버지가 방에", "들어가신다")) == ["아버지가 방에 들어가신다"]


def test_a_divided_word_is_put_together() -> None:
    first, second = page("an exam", "ple of it")
    first.hyphenated = True
    assert paragraphs(first, second) == ["an example of it"]


def test_a_gap_a_bullet_and_a_short_last_line_end_a_paragraph() -> None:
    assert paragraphs(*page("a", "b", "c"), *page("d", top=640)) == ["a b c", "d"]
    short, full = page("It ends here.", right=100), page("The next one", top=688)
    assert paragraphs(*page("It begins", top=712), *short, *full) == [
        *("It begins It ends here.", "The next one"),
    ]
    kinds = told([page("• one", "2) two", "① three", "가. 넷")])
    assert kinds == [(BlockKind.LIST, "- one\n- 2) two\n- ① three\n- 가. 넷")]


def test_breaks_that_no_margin_asks_for_are_kept() -> None:
    lines = ("Host example.org", "User kim", "Port 22", "IdentityFile ~/.ssh/key_of_the_example")
    assert paragraphs(*page(*lines, right=None)) == ["\n".join(lines)]


def test_larger_lines_are_headings_and_most_lines_are_not() -> None:
    lines = page(*(f"line {n} of the text" for n in range(10)))
    large = [Line("Title", 0, 90, 730, 730, 20.0), Line("Part", 0, 60, 715, 715, 14.0)]
    kinds = told([[*large, *lines]])
    assert kinds[:2] == [(BlockKind.HEADING, "Title"), (BlockKind.HEADING, "Part")]
    mixed = [Line(f"word {n}", 0, 90, 700 - 12 * n, 700 - 12 * n, 9.0 + n) for n in range(9)]
    assert all(kind is BlockKind.PARAGRAPH for kind, _ in told([mixed]))


def test_an_outlines_entry_is_found_over_two_lines_and_behind_its_number() -> None:
    lines = page("2.1 The long", "name of a part", "Its text is here.")
    kinds = told([lines], [(0, 2, "The long name of a part")])
    assert kinds == [
        (BlockKind.HEADING, "2.1 The long name of a part"),
        (BlockKind.PARAGRAPH, "Its text is here."),
    ]


def test_running_heads_stay_on_their_first_page_alone() -> None:
    def numbered(number: int) -> list[Line]:
        body = page(f"text {number}0 a", f"text {number}0 b", f"text {number}0 c", top=600)
        body[0].size = 2 * SIZE
        return [*page("Annual report", top=780), *body, *page(f"- {number} / 9 -", top=20)]

    kept = without_running_heads([numbered(number) for number in range(1, 5)])
    assert [line.text for line in kept[0]] == [
        *("Annual report", "text 10 a", "text 10 b", "text 10 c", "- 1 / 9 -"),
    ]
    assert [line.text for line in kept[3]] == ["text 40 a", "text 40 b", "text 40 c"]
    twice = [numbered(1), numbered(2)]
    assert without_running_heads(twice) == twice


def test_titles_that_count_up_with_their_pages_are_no_running_heads() -> None:
    def slide(number: int) -> list[Line]:
        title, *rest = page(f"Step {number}", f"What to do as number {number}", "and how")
        title.size = 2 * SIZE
        return [title, *rest]

    pages = [slide(number) for number in range(1, 9)]
    assert [lines[0].text for lines in without_running_heads(pages)] == [
        f"Step {number}" for number in range(1, 9)
    ]


def test_titles_that_programs_put_into_pdfs_are_no_titles() -> None:
    assert told_title("Microsoft Word - 보고서.docx") == "보고서"
    assert told_title("untitled") is None
    assert told_title("(anonymous)") is None
    assert told_title("연차 보고서") == "연차 보고서"
