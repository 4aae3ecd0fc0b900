"""Whatever readers add, a reading keeps its promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.readers.draft import Draft, clean
from knowledge.readers.limits import Limits, Unreadable
from knowledge.reading import BlockKind

ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates and NUL among them
STEPS = st.one_of(
    st.tuples(st.just("heading"), ANY_TEXT, st.integers(1, 6)),
    st.tuples(st.just("paragraph"), ANY_TEXT),
    st.tuples(st.just("prose"), ANY_TEXT),
    st.tuples(st.just("code"), ANY_TEXT),
    st.tuples(st.just("item"), ANY_TEXT, st.integers(0, 20)),
    st.tuples(st.just("under"), ANY_TEXT, st.integers(1, 3)),
    st.tuples(st.just("table"), st.lists(st.lists(ANY_TEXT, max_size=4), max_size=30)),
)


@given(st.lists(STEPS, max_size=20))
def test_blocks_are_in_order_and_all_the_text_is_in_them(steps: list[tuple[object, ...]]) -> None:
    draft = Draft(Limits())
    for name, *arguments in steps:
        getattr(draft, str(name))(*arguments)
    reading = draft.finish("txt")
    reading.text.encode()
    assert not set(reading.text) & {"\x00", "\r", "\ufeff"}
    end = 0
    for block in reading.blocks:
        assert block.start < block.end
        assert not reading.text[end : block.start].strip()
        inside = reading.text[block.start : block.end]
        assert inside.rstrip() == inside
        assert inside.lstrip() == inside or block.kind is BlockKind.CODE
        assert "\n" not in inside or block.kind is not BlockKind.HEADING
        end = block.end
    assert end == len(reading.text)


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_text_is_cleaned_so_that_a_search_finds_it() -> None:
    decomposed = "\u1112\u1161\u11ab\u1100\u1173\u11af"  # as macOS writes 한글
    assert clean(decomposed) == "한글"
    assert clean("⼈⼯") == "人工"  # radicals in place of ideographs
    assert clean("so\u00adft\r\nline\x00\ud83d\ude42\ud83d") == "soft\nline🙂\ufffd"


def test_a_heading_stands_under_those_above_its_level() -> None:
    draft = Draft(Limits())
    for text, level in (("1", 1), ("1.1", 2), ("1.1.1", 3), ("1.2", 2), ("2", 1)):
        draft.heading(text, level)
    paths = [block.headings for block in draft.finish("txt").blocks]
    assert paths == [(), ("1",), ("1", "1.1"), ("1",), ()]


def test_an_item_has_the_page_on_which_its_list_begins() -> None:
    draft = Draft(Limits())
    draft.page = 1
    draft.item("one")
    draft.page = 2
    draft.item("two")
    draft.paragraph("three")
    assert [block.page for block in draft.finish("txt").blocks] == [1, 2]


def test_limits_hold_while_the_text_grows() -> None:
    with pytest.raises(Unreadable, match="longer than 10 characters"):
        Draft(Limits(characters=10)).paragraph("x" * 11)
    with pytest.raises(Unreadable, match="more than 3 cells"):
        Draft(Limits(cells=3)).table(["a"] * 2 for _ in range(2))
