"""Passages are cut as people would, and nothing of a document is lost, whatever it says."""

from __future__ import annotations

import itertools

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunking import Chunk, chunks, embedded_text
from knowledge.reading import Block, BlockKind, Reading

WORD = regex.compile(r"\p{Han}|[\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}]{1,2}|\w+|[^\w\s]")
HOSTILE = "aé가天あกิ้😀\u200d\u0301\u3099.!?。…؟।,;、 \n\t\u00a0\u3000\u200f\"')」|-1"


def offsets(text: str) -> list[tuple[int, int]]:
    """A tokenizer: words, and of scripts without blanks one or two letters."""
    return [token.span() for token in WORD.finditer(text)]


def document(*blocks: tuple[str, str] | str) -> Reading:
    """Of paragraphs, of ``("# ", heading)`` one level deep or ``("## ", heading)`` two, of tables,
    lists and code."""
    text = ""
    made: list[Block] = []
    path: list[str] = []
    for block in blocks:
        kind, content = ("paragraph", block) if isinstance(block, str) else block
        start = len(text)
        if kind.startswith("#"):
            path = path[: kind.count("#") - 1]
            made.append(block_of(start, content, BlockKind.HEADING, path))
            path = [*path, content]
        else:
            made.append(block_of(start, content, BlockKind(kind), path))
        text += content + "\n\n"
    return Reading(text, tuple(made), None, "md", None)


def block_of(start: int, content: str, kind: BlockKind, path: list[str]) -> Block:
    return Block(start, start + len(content), kind, None, tuple(path))


def texts(found: list[Chunk]) -> list[str]:
    return [chunk.text for chunk in found]


@pytest.mark.parametrize(
    "sentences",
    [
        ["서울의 날씨는 맑습니다.", "내일은 비가 온다고 합니다!", "우산을 챙길까요?"],
        ["今天的天气很好。", "我们去北京旅行吧！", "“好的。”", "明天呢？"],
        ["今日の天気は良い。", "「そうですね。」", "京都へ行きましょう！"],
        ["The weather is fine.", "It is 3.5 degrees, e.g. cold.", 'He said "Go!"', "J. Kim went."],
        ["ما اسمك؟", "اسمي سمير.", "أنا من القاهرة."],
        ["مرحبا\u200f.\u200f", "كيف حالك؟"],
        ["मैं घर जाता हूँ।", "तुम कहाँ हो?"],
        ["สวัสดีครับ", "วันนี้อากาศดีมาก", "ไปเที่ยวกันไหม"],
        ["שלום לכולם.", "מה שלומך?"],
    ],
    ids=["ko", "zh", "ja", "en", "ar", "ar-marks", "hi", "th", "he"],
)
def test_sentences_stay_whole(sentences: list[str]) -> None:
    blank = "" if "。" in sentences[0] else " "
    reading = document(blank.join(sentences))
    size = max(len(offsets(sentence)) for sentence in sentences)
    largest = max(chunks(reading, offsets, size=size), key=lambda chunk: chunk.tokens)
    assert largest.tokens <= size
    ends = set(itertools.accumulate(len(sentence) + len(blank) for sentence in sentences))
    for chunk in chunks(reading, offsets, size=size):
        assert chunk.end + len(blank) in ends


def test_neighbours_overlap_by_whole_sentences() -> None:
    reading = document("One two three. Four five six. Seven eight nine. Ten eleven twelve.")
    assert texts(chunks(reading, offsets, size=8, overlap=4)) == [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
        "Seven eight nine. Ten eleven twelve.",
    ]


def test_a_section_is_a_passage_and_knows_its_path() -> None:
    long = "단어 " * 9 + "끝."
    reading = document(("#", "여행"), ("##", "서울"), long, ("##", "부산"), long)
    first, second = chunks(reading, offsets, size=20, overlap=5)
    assert (first.headings, second.headings) == (("여행", "서울"), ("여행", "부산"))
    assert first.text.startswith("여행\n\n서울\n\n단어")
    assert second.text.startswith("부산\n\n단어")


def test_small_sections_share_a_passage_and_the_path_above_them() -> None:
    reading = document(("#", "Fruit"), ("##", "Apple"), "Red.", ("##", "Pear"), "Green.")
    (only,) = chunks(reading, offsets, size=100)
    assert only.headings == ("Fruit",)
    assert only.text == "Fruit\n\nApple\n\nRed.\n\nPear\n\nGreen."


def test_a_heading_is_not_left_alone_at_the_end() -> None:
    reading = document("One two three four five.", ("#", "Head"), "Six seven eight nine ten.")
    assert texts(chunks(reading, offsets, size=8)) == [
        "One two three four five.",
        "Head\n\nSix seven eight nine ten.",
    ]


def test_a_passage_ends_with_a_paragraph_where_it_can() -> None:
    reading = document("A b c d e.", "F g h. I j k. L m n.")
    assert texts(chunks(reading, offsets, size=10)) == ["A b c d e.", "F g h. I j k.", "L m n."]


def test_rows_stay_whole_and_a_later_part_of_a_table_knows_its_header() -> None:
    rows = ["이름 | 나이", "김 | 30. 살", "이 | 40. 살", "박 | 50. 살"]
    found = chunks(document(("table", "\n".join(rows))), offsets, size=10)
    assert [line for chunk in found for line in chunk.text.split("\n")] == rows
    assert [chunk.table_header for chunk in found] == ["", "이름 | 나이", "이름 | 나이"][
        : len(found)
    ]
    assert embedded_text(found[1], None).startswith("이름 | 나이\n")


def test_items_and_lines_of_code_stay_whole() -> None:
    lines = ["def f(x):", "    return x. y", "print(f(1))"]
    found = chunks(document(("code", "\n\n".join(lines))), offsets, size=7)
    assert texts(found) == lines


def test_what_is_embedded_stands_under_title_and_headings_and_what_is_shown_does_not() -> None:
    chunk = Chunk("서울은 크다.", 10, 17, 4, 3, ("여행", "서울"))
    assert embedded_text(chunk, "안내서") == "안내서\n여행 › 서울\n서울은 크다."
    assert embedded_text(chunk, "여행") == embedded_text(chunk, None) == "여행 › 서울\n서울은 크다."
    begins = Chunk("서울\n\n크다.", 10, 17, 4, 3, ("여행", "서울"))
    assert embedded_text(begins, None) == "여행\n서울\n\n크다."


def test_a_sentence_too_long_is_cut_at_a_comma_or_a_blank_and_never_inside_a_letter() -> None:
    assert texts(chunks(document("aa bb cc, dd ee ff gg"), offsets, size=6)) == [
        "aa bb cc,",
        "dd ee ff gg",
    ]
    family = "👨\u200d👩\u200d👧"
    reading = document(family * 20)

    def by_character(text: str) -> list[tuple[int, int]]:
        return [(at, at + 1) for at in range(len(text))]

    for chunk in chunks(reading, by_character, size=7):
        assert not regex.match(r"[\u200d\p{M}]", chunk.text)
        assert not chunk.text.endswith("\u200d")


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (10, 6), (10, -1)])
def test_sizes_that_make_no_sense_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="passage"):
        chunks(document("a"), offsets, size=size, overlap=overlap)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    contents = draw(st.lists(st.text(HOSTILE, max_size=120), max_size=8))
    kinds = st.sampled_from([*map(str, BlockKind), "#", "##"])
    blocks = [
        (kind.replace("heading", "#"), content.strip())
        for content in contents
        if (kind := draw(kinds)) and content.strip()
    ]
    return document(*blocks)


@settings(deadline=None, max_examples=400)
@given(readings(), st.integers(1, 40), st.floats(0, 0.5))
def test_passages_cover_the_document_in_order_within_the_size(
    reading: Reading, size: int, share: float
) -> None:
    overlap = int(size * share)
    found = chunks(reading, offsets, size=size, overlap=overlap)
    assert found == chunks(reading, offsets, size=size, overlap=overlap)
    reached = 0
    for chunk in found:
        assert chunk.text == reading.text[chunk.start : chunk.end]
        assert chunk.text.rstrip() == chunk.text != ""
        assert len(offsets(chunk.text)) <= chunk.tokens + 1
        assert chunk.tokens <= size
        assert reading.text[reached : max(reached, chunk.start)].strip() == ""
        assert chunk.end > reached
        if chunk.start < reached:
            assert len(offsets(reading.text[chunk.start : reached])) <= overlap + 1
        reached = chunk.end
    assert reading.text[reached:].strip() == ""


@pytest.mark.parametrize(
    "text",
    [
        "x" * 300_000,
        "." * 300_000,
        ".)" * 150_000,
        ". " * 150_000,
        "a" + " " * 300_000 + "b",
        "\n a" * 100_000,
        "。」" * 150_000,
        "\u200d" * 300_000,
        "กิ " * 100_000,
        "天" * 300_000,
    ],
    ids=["word", "dots", "closed", "ends", "blanks", "lines", "cjk", "joiners", "thai", "han"],
)
@pytest.mark.parametrize("kind", ["paragraph", "table"])
def test_a_hostile_document_takes_time_by_its_length_only(text: str, kind: str) -> None:
    found = chunks(document((kind, text.strip())), offsets, size=100, overlap=20)
    assert 1 <= len(found) <= 5000
    assert max(len(chunk.text) for chunk in found) <= 101 * 16
