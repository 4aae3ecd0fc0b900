"""Which brackets in an answer name passages, however the answer is cut into pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.answering.citing import CitationReader

KNOWN = (1, 2, 3)


def read(pieces: list[str]) -> tuple[str, set[int], list[int]]:
    reader = CitationReader(KNOWN)
    shown = "".join(map(reader.feed, pieces)) + reader.end()
    return shown, reader.cited, reader.dropped


@pytest.mark.parametrize(
    ("said", "shown", "cited", "dropped"),
    [
        ("비가 온다 [1].", "비가 온다 [1].", {1}, []),
        ("맞다[2]", "맞다[2]", {2}, []),
        ("雨です【3】。", "雨です【3】。", {3}, []),
        ("둘 다 [1, 3]", "둘 다 [1, 3]", {1, 3}, []),
        ("하나만 [1, 9]", "하나만 [1]", {1}, [9]),
        ("없는 것 [7].", "없는 것 .", set(), [7]),
        ("[1][2]", "[1][2]", {1, 2}, []),
        ("배열의 [0]번", "배열의 [0]번", set(), []),
        ("[2024]년", "[2024]년", set(), []),
        ("[9](https://example.com)", "[9](https://example.com)", set(), []),
        ("코드 `a[9]` 끝", "코드 `a[9]` 끝", set(), []),
        ("```py\na[9]\nb[1]\n```\n[9]", "```py\na[9]\nb[1]\n```\n", set(), [9]),
        ("홀로 ` 선\n[9]", "홀로 ` 선\n", set(), [9]),
        ("많다 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "많다 [1, 2, 3]", {1, 2, 3}, [*range(4, 11)]),
        ("[", "[", set(), []),
        ("[1", "[1", set(), []),
        ("[글]", "[글]", set(), []),
    ],
)
def test_what_names_a_passage_stays_and_what_names_none_goes(
    said: str, shown: str, cited: set[int], dropped: list[int]
) -> None:
    assert read([said]) == (shown, cited, dropped)
    assert read(list(said)) == (shown, cited, dropped)


@given(
    st.lists(st.sampled_from(["[", "]", "1", "9", ", ", "`", "```", "\n", "(", "가", "【", "】"])),
    st.lists(st.integers(0, 30)),
)
def test_pieces_make_no_difference(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert read(pieces) == read([text])
