from __future__ import annotations

from typing import Any

import pytest

from billing.usage import Usage
from providers.events import ChunkReader, events_of
from providers.types import Event, Finished, ReasoningDelta, TextDelta, ToolCallDelta


def chunk(delta: object = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def read(*chunks: dict[str, Any]) -> list[Event]:
    reader = ChunkReader()
    return [event for c in chunks for event in reader.feed(c)] + [reader.finish()]


def test_text_and_reasoning_come_out_in_their_order() -> None:
    assert read(
        chunk({"role": "assistant", "content": ""}, model="m-1"),
        chunk({"reasoning_content": "考える"}),
        chunk({"content": "안녕"}),
        chunk({"content": "하세요"}),
        chunk({}, "stop"),
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    ) == [
        ReasoningDelta("考える"),
        TextDelta("안녕"),
        TextDelta("하세요"),
        Finished("stop", Usage(input_tokens=3, output_tokens=2), "m-1"),
    ]


def test_reasoning_under_its_other_name_is_read_and_never_twice() -> None:
    assert read(chunk({"reasoning": "想"}))[0] == ReasoningDelta("想")
    assert read(chunk({"reasoning": "想", "reasoning_content": "想"}))[:-1] == [
        ReasoningDelta("想")
    ]


def test_a_stream_without_a_finish_reason_is_incomplete() -> None:
    assert read(chunk({"content": "cut"}))[-1] == Finished("incomplete", Usage())


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("function_call", "tool_calls"),
        ("eos", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("model_context_window_exceeded", "length"),
        ("sensitive", "content_filter"),
        ("error", "incomplete"),
        ("network_error", "incomplete"),
        ("insufficient_system_resource", "incomplete"),
        ("tired", "incomplete"),
    ],
)
def test_finish_reasons_are_read_into_our_own(said: str, read_as: str) -> None:
    finished = read(chunk({"content": "x"}), chunk({}, said))[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == read_as


def test_of_several_usages_the_last_one_counts() -> None:
    finished = read(
        chunk({"content": "a"}, usage={"prompt_tokens": 5, "completion_tokens": 1}),
        chunk({"content": "b"}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 2}),
        {"choices": [], "usage": None},
    )[-1]
    assert finished == Finished("stop", Usage(input_tokens=5, output_tokens=2))


def test_an_output_that_was_counted_before_the_text_came_is_not_believed() -> None:
    opening = {"prompt_tokens": 40, "completion_tokens": 1}
    finished = read(chunk({"role": "assistant"}, usage=opening), chunk({"content": "텍스트"}))[-1]
    assert finished == Finished("incomplete", Usage(input_tokens=40))


def test_a_usage_that_stands_in_the_choice_counts() -> None:
    """Moonshot's: https://platform.moonshot.ai/docs/api/chat."""
    last = chunk({}, "stop")
    last["choices"][0]["usage"] = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    assert read(chunk({"content": "네"}), last)[-1] == Finished("stop", Usage(9, output_tokens=5))
    message = {"role": "assistant", "content": "네"}
    choice = {**last["choices"][0], "message": message}
    assert events_of({"choices": [choice]})[-1] == Finished("stop", Usage(9, output_tokens=5))


def test_of_several_choices_with_a_usage_each_the_outputs_are_added() -> None:
    told = {"prompt_tokens": 9, "completion_tokens": 5}
    choices = [{"index": n, "delta": {"content": "x"}, "usage": told} for n in range(3)]
    single = [{"choices": [choice]} for choice in choices]
    for chunks in (single, [{"choices": choices}]):
        last = read(*chunks, chunk({}, "stop"))[-1]
        assert isinstance(last, Finished)
        assert (last.usage.input_tokens, last.usage.output_tokens) == (9, 15)


def test_the_usage_of_all_counts_where_choices_have_one_too() -> None:
    whole = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 7}}
    choice = {"index": 0, "delta": {"content": "x"}, "usage": {"prompt_tokens": 1}}
    last = read({"choices": [choice]}, whole)[-1]
    assert isinstance(last, Finished)
    assert last.usage == Usage(9, output_tokens=7)


def test_parallel_tool_calls_keep_their_indexes() -> None:
    def piece(index: int, arguments: str, **named: str) -> dict[str, Any]:
        name = {"name": named["name"]} if named else {}
        call_id = {"id": named["id"]} if named else {}
        return {"index": index, **call_id, "function": {**name, "arguments": arguments}}

    assert read(
        chunk({"tool_calls": [piece(0, "", id="a", name="weather")]}),
        chunk({"tool_calls": [piece(1, "", id="b", name="time")]}),
        chunk({"tool_calls": [piece(0, '{"city"'), piece(1, "{}")]}),
        chunk({"tool_calls": [piece(0, ': "서울"}')]}),
        chunk({}, "tool_calls"),
    )[:-1] == [
        ToolCallDelta(0, "a", "weather", ""),
        ToolCallDelta(1, "b", "time", ""),
        ToolCallDelta(0, None, None, '{"city"'),
        ToolCallDelta(1, None, None, "{}"),
        ToolCallDelta(0, None, None, ': "서울"}'),
    ]


def test_tool_calls_without_an_index_are_counted_by_their_ids() -> None:
    first = {"id": "a", "function": {"name": "f", "arguments": "{"}}
    rest = {"function": {"arguments": "}"}}
    second = {"id": "b", "function": {"name": "g", "arguments": "{}"}}
    events = read(*(chunk({"tool_calls": [call]}) for call in (first, rest, second)))
    assert [e.index for e in events if isinstance(e, ToolCallDelta)] == [0, 0, 1]


def test_the_old_function_call_is_a_tool_call() -> None:
    old = {"function_call": {"name": "weather", "arguments": "{}"}}
    assert read(chunk(old), chunk({}, "function_call")) == [
        ToolCallDelta(0, None, "weather", "{}"),
        Finished("tool_calls", Usage()),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"choices": None},
        {"choices": [None]},
        {"choices": [{}]},
        chunk(None),
        chunk({"content": None, "tool_calls": None, "function_call": None}),
        chunk({"tool_calls": [None, {}]}),
        chunk({"content": 5}),
        {"choices": [{"index": 1, "delta": {"content": "the second choice"}}]},
        {"choices": [], "usage": "none", "model": None},
    ],
)
def test_odd_chunks_break_nothing(odd: dict[str, Any]) -> None:
    events = read(odd, chunk({"content": "x"}, "stop"))
    assert [e for e in events if isinstance(e, TextDelta)] == [TextDelta("x")]
    assert events[-1] == Finished("stop", Usage())


def test_a_content_of_parts_and_a_refusal_are_text() -> None:
    parts = [{"type": "text", "text": "二"}, {"type": "text", "text": "つ"}, {"type": "image"}]
    assert read(chunk({"content": parts}))[0] == TextDelta("二つ")
    assert read(chunk({"content": None, "refusal": "I cannot."}))[0] == TextDelta("I cannot.")


def test_a_whole_answer_makes_the_same_events() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    completion = {
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "네",
                    "reasoning_content": "음",
                    "tool_calls": [call],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 9},
    }
    assert events_of(completion) == [
        ReasoningDelta("음"),
        TextDelta("네"),
        ToolCallDelta(0, "a", "f", "{}"),
        Finished("tool_calls", Usage(input_tokens=1, output_tokens=9), "m-1"),
    ]
