from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rini.web.sse import EventTooLong, Parser, comment, encode

WHOLE = (
    ": 주석\r\n\r\n"
    "event: message\ndata: 안녕하세요\nid: 7\n\n"
    "data:一行目\rdata: 二行目\r\r"
    "data\n\n"
    "retry: 10\n\n"
    'data: {"text": "你好"}\r\n\r\n'
    "data: [DONE]\n\n"
    "data: cut off"
).encode()
PAYLOADS = ["안녕하세요", "一行目\n二行目", "", '{"text": "你好"}', "[DONE]"]


def parse(pieces: list[bytes]) -> list[str]:
    parser = Parser()
    return [payload.decode() for piece in pieces for payload in parser.feed(piece)]


def split(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[begin:end] for begin, end in pairwise(places)]


def by_the_standard(text: str) -> list[str]:
    """The standard's algorithm, line by line over the whole text."""
    payloads: list[str] = []
    lines: list[str] = []
    *complete, _unfinished = re.split(r"\r\n|\n|\r", text)
    for line in complete:
        if line == "":
            if lines:
                payloads.append("\n".join(lines))
            lines = []
        elif line == "data" or line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
    return payloads


def test_a_stream_is_read_into_the_payloads_of_its_events() -> None:
    assert parse([WHOLE]) == PAYLOADS


def test_a_stream_that_comes_byte_by_byte_reads_the_same() -> None:
    assert parse([WHOLE[i : i + 1] for i in range(len(WHOLE))]) == PAYLOADS


@given(at=st.lists(st.integers(min_value=0, max_value=10_000), max_size=20))
def test_any_split_of_the_bytes_reads_the_same(at: list[int]) -> None:
    assert parse(split(WHOLE, at)) == PAYLOADS


def test_a_line_end_of_two_characters_may_be_torn_apart() -> None:
    assert parse([b"data: x\r", b"\n", b"\ndata: y\r\n\r", b"\n", b"data: z\n\n"]) == [
        "x",
        "y",
        "z",
    ]


LINES = st.sampled_from(
    ["data: x", "data:한", "data", ": c", "event: e", "id: 1", "", "", "datum: y"]
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


@given(
    lines=st.lists(st.tuples(LINES, ENDS), max_size=25),
    at=st.lists(st.integers(min_value=0, max_value=1_000), max_size=8),
)
def test_any_lines_with_any_ends_are_read_as_the_standard_says(
    lines: list[tuple[str, str]], at: list[int]
) -> None:
    text = "".join(line + end for line, end in lines)
    assert parse(split(text.encode(), at)) == by_the_standard(text)


@given(
    data=st.text(),
    event=st.none() | st.just("chunk"),
    number=st.none() | st.integers(min_value=0),
)
def test_what_is_encoded_is_read_back(data: str, event: str | None, number: int | None) -> None:
    assert parse([encode(data, event=event, id=number)]) == [re.sub(r"\r\n|\r", "\n", data)]


def test_the_fields_of_an_event_stand_before_its_data() -> None:
    assert encode("a\nb", event="chunk", id=3) == b"id: 3\nevent: chunk\ndata: a\ndata: b\n\n"


def test_a_comment_is_skipped_by_readers() -> None:
    assert comment("계속") == ": 계속\n\n".encode()
    assert parse([comment(), encode("hello"), comment("계속")]) == ["hello"]


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_line_end_in_a_field_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        encode("x", event=f"a{end}data: forged")
    with pytest.raises(ValueError, match="one line"):
        comment(f"a{end}data: forged")


def test_a_byte_order_mark_at_the_start_is_skipped() -> None:
    assert parse([b"\xef", b"\xbb\xbfdata: x\n\n"]) == ["x"]


def test_an_event_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    parser = Parser(limit=100)
    assert parser.feed(b"data: " + b"x" * 90 + b"\n\n") == [b"x" * 90]
    assert parser.feed(b"data: " + b"x" * 90) == []
    with pytest.raises(EventTooLong, match="100 bytes"):
        parser.feed(b"xxxxx")
