from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import pytest

from billing.usage import Usage
from providers.errors import ProviderRefused
from providers.events import ChunkReader, events_of
from providers.types import ChatRequest, Event, Finished, Target, TextDelta, ToolCallDelta
from providers.wires.demo import DemoWire

TARGET = Target("demo", "demo", "demo", "")


def ask(text: object, **params: Any) -> ChatRequest:
    return ChatRequest([{"role": "user", "content": text}], params)


async def read(request: ChatRequest) -> list[Event]:
    reader = ChunkReader()
    stream = DemoWire(0).stream(TARGET, request)
    return [e async for chunk in stream for e in reader.feed(chunk)] + [reader.finish()]


def text(events: list[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("오늘 날씨 어때?", "데모 모델이며 진짜 언어 모델이 아닙니다"),
        ("今日の天気は？", "デモモデルで、本物の言語モデルではありません"),
        ("今天天气怎么样？", "演示模型，不是真正的语言模型"),
        ("What is the weather?", "demo model and no real language model"),
        ("", "demo model"),
    ],
)
async def test_it_says_what_it_is_in_the_language_of_the_question_and_repeats_it(
    question: str, says: str
) -> None:
    answer = text(await read(ask(question)))
    assert says in answer
    assert question in answer


async def test_it_streams_by_words_or_a_few_characters() -> None:
    for question in ("What is {this}?", "これは何ですか"):
        pieces = [e.text for e in await read(ask(question)) if isinstance(e, TextDelta)]
        assert len(pieces) > 10
    assert max(len(piece.strip()) for piece in pieces if "ご" in piece or "ま" in piece) <= 3


async def test_a_stream_ends_with_its_reason_and_usage() -> None:
    events = await read(ask("one two three"))
    assert events[-1] == Finished(
        "stop", Usage(input_tokens=3, output_tokens=len(events) - 1), "demo"
    )


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_it_stops_at_the_limit_of_tokens(name: str) -> None:
    events = await read(ask("hello", **{name: 4}))
    assert text(events) == "I am Rini's demo"
    assert events[-1] == Finished("length", Usage(input_tokens=1, output_tokens=4), "demo")


async def test_the_whole_answer_is_the_streamed_one() -> None:
    request = ask([{"type": "text", "text": "이 그림은?"}, {"type": "image_url"}])
    whole = events_of(await DemoWire(0).complete(TARGET, request))
    streamed = await read(request)
    assert text(whole) == text(streamed)
    assert whole[-1] == streamed[-1]


async def test_the_same_question_has_the_same_answer() -> None:
    assert await read(ask("hello")) == await read(ask("hello"))


async def test_it_stops_when_it_is_cancelled() -> None:
    got = asyncio.Event()

    async def consume() -> None:
        async for _ in DemoWire(0.001).stream(TARGET, ask("hello")):
            got.set()

    task = asyncio.create_task(consume())
    await got.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_makes_no_embeddings() -> None:
    with pytest.raises(ProviderRefused, match="Choose an embedding model"):
        await DemoWire().embed(TARGET, ["text"], {})


SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    {"type": "object", "required": ["a"], "additionalProperties": False, "properties": {"a": {}}},
    {"type": "array", "items": {"enum": ["맑음", "비"]}, "minItems": 2},
    {"type": "object", "properties": {"n": {"type": "number", "minimum": 5, "maximum": 6}}},
    {"type": "integer", "exclusiveMinimum": 5, "multipleOf": 4},
    {"type": "integer", "maximum": -3},
    {"type": "string", "minLength": 10},
    {"type": "string", "maxLength": 2},
    {"type": "string", "format": "date-time"},
    {"anyOf": [{"type": "null"}, {"type": "string"}]},
    {"type": ["null", "boolean"]},
    {"const": {"kind": "fixed"}},
    {"allOf": [{"required": ["a"], "properties": {"a": {"type": "string"}}}, {"required": ["b"]}]},
    {
        "$defs": {
            "node": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
            }
        },
        "$ref": "#/$defs/node",
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_an_answer_keeps_to_the_schema_that_is_asked_for(schema: dict[str, Any]) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    answer = text(await read(ask("질문", response_format=form)))
    jsonschema.validate(json.loads(answer), schema)


async def test_a_json_object_is_one() -> None:
    answer = text(await read(ask("질문", response_format={"type": "json_object"})))
    assert isinstance(json.loads(answer), dict)


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "t"}}])
async def test_a_forced_tool_is_called_with_arguments_that_fit(
    schema: dict[str, Any], choice: Any
) -> None:
    tools = [{"type": "function", "function": {"name": "t", "parameters": schema}}]
    request = ask("질문", tools=tools, tool_choice=choice)
    streamed = [event for event in await read(request) if isinstance(event, ToolCallDelta)]
    assert streamed[0].name == "t"
    jsonschema.validate(json.loads("".join(event.arguments for event in streamed)), schema)
    whole = await DemoWire(0).complete(TARGET, request)
    [choice] = whole["choices"]
    assert choice["finish_reason"] == "tool_calls"
    [call] = choice["message"]["tool_calls"]
    jsonschema.validate(json.loads(call["function"]["arguments"]), schema)


async def test_after_a_tools_result_it_answers_in_words() -> None:
    tools = [{"type": "function", "function": {"name": "t"}}]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "What is the weather?"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "t"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "rain"},
    ]
    request = ChatRequest(messages, {"tools": tools, "tool_choice": "required"})
    assert "demo model" in text(await read(request))


async def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"$ref": "#"}
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert text(await read(ask("질문", response_format=form))) == "null"
