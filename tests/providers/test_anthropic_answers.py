"""What a client of OpenAI's format hears of what Claude answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from billing.usage import Usage
from providers.events import ChunkReader, events_of
from providers.types import ChatRequest, Chunk, ReasoningDelta, Target, TextDelta, ToolCallDelta
from providers.wires.anthropic import Reading
from providers.wires.anthropic_translation.names import ToolNames
from providers.wires.anthropic_translation.request import body
from providers.wires.anthropic_translation.response import Answer, completion
from providers.wires.anthropic_translation.usage import openai_usage

Json = dict[str, Any]
TARGET = Target("anthropic", "anthropic", "claude-opus-5", "http://x")


def message(**more: Any) -> Json:
    return {"id": "msg_1", "type": "message", "model": "claude-opus-5", "content": [], **more}


def start(block: Json) -> Json:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def delta(kind: str, **more: Any) -> Json:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **more}}


STOP = {"type": "content_block_stop", "index": 0}


def end(reason: Any = "end_turn", usage: Json | None = None, **more: Any) -> list[Json]:
    told = {"type": "message_delta", "delta": {"stop_reason": reason, **more}, "usage": usage}
    return [told, {"type": "message_stop"}]


def opening(usage: Json | None = None) -> Json:
    return {"type": "message_start", "message": message(usage=usage)}


def text_block(*pieces: str) -> list[Json]:
    return [
        start({"type": "text", "text": ""}),
        *(delta("text_delta", text=piece) for piece in pieces),
        STOP,
    ]


def chunks(*events: Json, names: ToolNames | None = None) -> list[Chunk]:
    answer = Answer(names or ToolNames(), 7)
    return [chunk for event in events for chunk in answer.chunks(event)]


def deltas(found: list[Chunk]) -> list[Json]:
    return [choice["delta"] for chunk in found for choice in chunk["choices"]]


def reasons(found: list[Chunk]) -> list[str]:
    told = [choice["finish_reason"] for chunk in found for choice in chunk["choices"]]
    return [reason for reason in told if reason is not None]


def usage_of(found: list[Chunk]) -> Usage:
    reader = ChunkReader()
    for chunk in found:
        reader.feed(chunk)
    return reader.finish().usage


def test_a_stream_is_a_role_the_text_and_an_end() -> None:
    found = chunks(opening(), {"type": "ping"}, *text_block("안", "녕"), *end())
    assert deltas(found) == [
        {"role": "assistant", "content": ""},
        {"content": "안"},
        {"content": "녕"},
        {},
    ]
    assert reasons(found) == ["stop"]
    for chunk in found:
        frame = (chunk["id"], chunk["object"], chunk["created"], chunk["model"])
        assert frame == ("msg_1", "chat.completion.chunk", 7, "claude-opus-5")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", ["stop"]),
        ("stop_sequence", ["stop"]),
        ("max_tokens", ["length"]),
        ("model_context_window_exceeded", ["length"]),
        ("tool_use", ["tool_calls"]),
        ("refusal", ["content_filter"]),
        ("pause_turn", []),
        ("brand_new_reason", []),
        (None, []),
        (["end_turn"], []),
    ],
)
def test_the_reason_of_the_end_is_told_truly_and_an_unknown_one_proves_nothing(
    said: Any, reason: list[str]
) -> None:
    assert reasons(chunks(opening(), *text_block("가"), *end(said))) == reason


def test_the_end_is_the_last_event_and_no_other() -> None:
    told, _ = end("end_turn", {"output_tokens": 5})
    found = chunks(opening(), *text_block("가"), told)
    assert reasons(found) == []
    assert found[-1]["usage"]["completion_tokens"] == 5


def test_a_refusal_is_in_the_vendors_own_words() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "This could help harm."}
    found = chunks(opening(), *end("refusal", stop_details=details))
    assert {"refusal": "This could help harm."} in deltas(found)
    assert completion(found)["choices"][0]["message"]["refusal"] == "This could help harm."
    assert TextDelta("This could help harm.") in events_of(completion(found))
    silent = chunks(opening(), *end("refusal", stop_details={"explanation": None}))
    assert not any("refusal" in one for one in deltas(silent))


def test_thinking_is_heard_and_kept_with_its_signature() -> None:
    found = chunks(
        opening(),
        start({"type": "thinking", "thinking": "", "signature": ""}),
        delta("thinking_delta", thinking="생"),
        delta("thinking_delta", thinking="각"),
        delta("signature_delta", signature="si"),
        delta("signature_delta", signature="g=="),
        STOP,
        start({"type": "redacted_thinking", "data": "xyz"}),
        STOP,
        *text_block("답"),
        *end(),
    )
    blocks = [block for one in deltas(found) for block in one.get("thinking_blocks", ())]
    assert blocks == [
        {"index": 0, "type": "thinking", "thinking": "생각", "signature": "sig=="},
        {"index": 1, "type": "redacted_thinking", "data": "xyz"},
    ]
    told = completion(found)["choices"][0]["message"]
    assert (told["reasoning_content"], told["content"]) == ("생각", "답")
    assert told["thinking_blocks"][0]["signature"] == "sig=="
    heard = events_of(completion(found))
    assert [one for one in heard if isinstance(one, ReasoningDelta)] == [ReasoningDelta("생각")]


def test_calls_of_tools_come_in_pieces_with_the_clients_names() -> None:
    names = ToolNames()
    sent = names.sent("도구.하나")
    found = chunks(
        opening(),
        start({"type": "tool_use", "id": "toolu_1", "name": sent, "input": {}}),
        delta("input_json_delta", partial_json=""),
        delta("input_json_delta", partial_json='{"city": '),
        delta("input_json_delta", partial_json='"서울"}'),
        STOP,
        start({"type": "tool_use", "id": "toolu_2", "name": sent, "input": {}}),
        STOP,
        *end("tool_use"),
        names=names,
    )
    calls = completion(found)["choices"][0]["message"]["tool_calls"]
    assert calls == [
        {
            "id": "toolu_1",
            "type": "function",
            "function": {"name": "도구.하나", "arguments": '{"city": "서울"}'},
        },
        {"id": "toolu_2", "type": "function", "function": {"name": "도구.하나", "arguments": "{}"}},
    ]
    heard = [one for one in events_of(completion(found)) if isinstance(one, ToolCallDelta)]
    assert [one.index for one in heard] == [0, 1]


def test_later_counts_replace_earlier_ones_zeros_too() -> None:
    first = {
        "input_tokens": 20,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 40},
        "output_tokens": 1,
        "service_tier": "standard",
    }
    last = {
        "output_tokens": 9,
        "cache_read_input_tokens": 0,
        "input_tokens": None,
        "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": {"web_search_requests": 2},
    }
    found = chunks(opening(first), *text_block("가"), *end("end_turn", last))
    assert usage_of(found) == Usage(
        input_tokens=70,
        cached_input_tokens=0,
        cache_write_tokens=50,
        cache_write_1h_tokens=40,
        output_tokens=9,
        reasoning_tokens=4,
        web_searches=2,
    )
    assert completion(found)["usage"]["total_tokens"] == 79
    assert completion(found)["usage"]["service_tier"] == "standard"


def test_counts_that_were_not_told_are_missing() -> None:
    assert "usage" not in completion(chunks(opening(), *text_block("가"), *end()))
    assert openai_usage({"output_tokens": 3}) == {"completion_tokens": 3}
    assert usage_of(chunks(opening({"output_tokens": 1}), *end())).input_tokens is None


COUNTS = st.dictionaries(
    st.sampled_from(
        [
            *("input_tokens", "output_tokens", "cache_read_input_tokens"),
            *("cache_creation_input_tokens", "cache_creation", "server_tool_use"),
            "output_tokens_details",
        ]
    ),
    st.none()
    | st.integers(0, 1000)
    | st.dictionaries(
        st.sampled_from(
            [
                *("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"),
                *("web_search_requests", "thinking_tokens"),
            ]
        ),
        st.integers(0, 1000),
    ),
)


@given(COUNTS)
def test_the_ledger_reads_the_same_of_both_formats(usage: Json) -> None:
    told = Usage.from_anthropic(usage)
    assume((told.reasoning_tokens or 0) <= (told.output_tokens or 0))  # the one includes the other
    assert Usage.from_openai(openai_usage(usage)) == told


def test_events_and_blocks_that_came_later_are_skipped() -> None:
    found = chunks(
        {"type": "conversation_started"},
        {"type": ["odd"]},
        {},
        opening(),
        start({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        delta("input_json_delta", partial_json='{"query": "x"}'),
        STOP,
        start({"type": "text", "text": "처음"}),
        delta("citations_delta", citation={}),
        delta("text_delta", text=None),
        STOP,
        *end(),
    )
    assert completion(found)["choices"][0]["message"] == {"role": "assistant", "content": "처음"}


def test_halves_of_characters_meet_and_lone_ones_are_marked() -> None:
    pieces = ["이모지 \ud83d", "\ude00 끝", "\ud83d", "가", "\ude00", "마지막\ud83d"]
    found = chunks(opening(), *text_block(*pieces), *end())
    assert completion(found)["choices"][0]["message"]["content"] == "이모지 😀 끝�가�마지막�"


# The bytes of a stream


def as_bytes(*events: Json) -> bytes:
    lines = (json.dumps(event, ensure_ascii=False) for event in events)
    return b"".join(f"event: x\ndata: {line}\n\n".encode() for line in lines)


WHOLE = as_bytes(
    opening({"input_tokens": 9, "output_tokens": 1}),
    {"type": "ping"},
    *text_block("안녕\u2028", "\x85세상 😀"),
    start({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
    delta("input_json_delta", partial_json='{"a": 1}'),
    STOP,
    *end("tool_use", {"output_tokens": 5}),
)


def read(pieces: list[bytes]) -> list[Chunk]:
    reading = Reading(TARGET, ToolNames())
    found: list[Chunk] = []
    for piece in [*pieces, b""]:
        if not reading.is_over:
            found += reading.feed(piece)
    return [{**chunk, "created": 0} for chunk in found]


def test_separators_of_unicode_are_text() -> None:
    assert completion(read([WHOLE]))["choices"][0]["message"]["content"] == "안녕\u2028\x85세상 😀"


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=12))
def test_where_the_bytes_break_makes_no_difference(at: list[int]) -> None:
    places = [0, *sorted(set(at)), len(WHOLE)]
    pieces = [WHOLE[a:b] for a, b in pairwise(places)]
    assert read(pieces) == read([WHOLE])


@given(st.integers(300, len(WHOLE) - 2))
def test_a_stream_that_is_cut_anywhere_has_no_end(at: int) -> None:
    assert reasons(read([WHOLE[:at]])) == []


@pytest.mark.parametrize("junk", [b"data:\n\n", b"data: ping\n\n", b"data: [1]\n\n", b": hi\n\n"])
def test_what_is_no_event_is_skipped(junk: bytes) -> None:
    assert read([junk, WHOLE[:300], WHOLE[300:]]) == read([WHOLE])
    middle = WHOLE.index(b"event: x", 300)
    assert read([WHOLE[:middle] + junk + WHOLE[middle:]]) == read([WHOLE])


def test_a_broken_event_ends_the_stream_without_an_end() -> None:
    middle = WHOLE.index(b"event: x", 600)
    found = read([WHOLE[:middle] + b'data: {"type": \n\n' + WHOLE[middle:]])
    assert found
    assert reasons(found) == []


def test_bytes_that_are_no_text_spoil_only_themselves() -> None:
    spoilt = WHOLE.replace("안녕".encode(), b"\xec\x95")
    told = completion(read([spoilt]))["choices"][0]["message"]["content"]
    assert told == "�\u2028\x85세상 😀"


# There and back

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
SPOKEN = WORDS.filter(lambda text: bool(text.strip()))
INPUTS = st.dictionaries(WORDS, st.integers(-5, 5) | WORDS | st.lists(st.booleans()), max_size=2)
THOUGHTS = st.one_of(
    st.builds(lambda t, s: {"type": "thinking", "thinking": t, "signature": s}, WORDS, WORDS),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, WORDS),
)


@st.composite
def answers(draw: st.DrawFn) -> list[Json]:
    """The content of a message of Claude's, in the order in which it speaks."""
    thoughts = draw(st.lists(THOUGHTS, max_size=2))
    text = [{"type": "text", "text": draw(SPOKEN)}] if draw(st.booleans()) else []
    given = draw(st.lists(INPUTS, min_size=0 if text else 1, max_size=3))
    tools = draw(st.lists(st.sampled_from(["f", "g"]), min_size=len(given), max_size=len(given)))
    calls = [
        {"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": arguments}
        for i, (name, arguments) in enumerate(zip(tools, given, strict=True))
    ]
    return [*thoughts, *text, *calls]


def streamed(block: Json, size: int) -> Iterator[Json]:
    """The events of one block, in pieces of `size` characters."""

    def pieces(text: str) -> list[str]:
        return [text[i : i + size] for i in range(0, len(text), size)]

    kind = block["type"]
    if kind == "text":
        yield from text_block(*pieces(block["text"]))
        return
    if kind == "thinking":
        yield start({"type": kind, "thinking": "", "signature": ""})
        yield from (delta("thinking_delta", thinking=piece) for piece in pieces(block["thinking"]))
        yield delta("signature_delta", signature=block["signature"])
    elif kind == "tool_use":
        yield start({**block, "input": {}})
        arguments = json.dumps(block["input"], ensure_ascii=False)
        yield from (delta("input_json_delta", partial_json=piece) for piece in pieces(arguments))
    else:
        yield start(block)
    yield STOP


@given(answers(), st.integers(1, 4))
def test_what_claude_said_goes_back_to_it_as_it_was(content: list[Json], size: int) -> None:
    events = [event for block in content for event in streamed(block, size)]
    said = completion(chunks(opening(), *events, *end()))["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "x"}
        for call in said.get("tool_calls", ())
    ]
    asked = [{"role": "user", "content": "?"}, said, *results]
    told, _ = body(TARGET, ChatRequest(asked))
    assert told["messages"][1] == {"role": "assistant", "content": content}
