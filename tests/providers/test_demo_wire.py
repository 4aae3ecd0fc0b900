from __future__ import annotations

import asyncio
from typing import Any

import pytest

from billing.usage import Usage
from providers.errors import ProviderRefused
from providers.events import ChunkReader, events_of
from providers.types import ChatRequest, Event, Finished, Target, TextDelta
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
