from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio

from billing.usage import Usage
from providers.errors import (
    ModelNotFound,
    ProviderError,
    ProviderFailed,
    ProviderKeyInvalid,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from providers.events import ChunkReader, events_of
from providers.types import (
    ChatRequest,
    Chunk,
    Event,
    Finished,
    ReasoningDelta,
    Target,
    TextDelta,
    ToolCallDelta,
)
from providers.wires.http import VendorClient
from providers.wires.openai import OpenAIWire
from rini.secrets.secret import Secret
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

KEY = "sk-test-key-1234567890"
ASK = ChatRequest([{"role": "user", "content": "안녕 세상"}])
SLOW = Script(pieces=[f"{n} " for n in range(200)], delay=0.02)


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[OpenAIWire]:
    wire = OpenAIWire()
    yield wire
    await wire.close()


@pytest_asyncio.fixture
async def hasty_wire() -> AsyncIterator[OpenAIWire]:
    wire = OpenAIWire(VendorClient(first_byte_timeout=0.3))
    yield wire
    await wire.close()


def at(stage: Stage, key: str | None = KEY, url: str | None = None) -> Target:
    secret = Secret(key) if key else None
    return Target("openai", "openai", "gpt-4o-mini", url or stage.openai_url, secret)


async def read(wire: OpenAIWire, target: Target, request: ChatRequest = ASK) -> list[Event]:
    reader = ChunkReader()
    events = [e async for chunk in wire.stream(target, request) for e in reader.feed(chunk)]
    return [*events, reader.finish()]


async def chunks(wire: OpenAIWire, target: Target) -> list[Chunk]:
    return [chunk async for chunk in wire.stream(target, ASK)]


def text_of(chunk: Chunk) -> object:
    return chunk["choices"][0]["delta"].get("content")


def text(events: list[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


async def test_a_stream_brings_text_usage_and_the_vendors_end(
    stage: Stage, wire: OpenAIWire
) -> None:
    stage.next(
        Script(pieces=["안녕", "하세요", " 世界"], usage=Tokens(20, 9, cached=4, reasoning=2))
    )
    events = await read(wire, at(stage))
    assert events[:-1] == [TextDelta("안녕"), TextDelta("하세요"), TextDelta(" 世界")]
    usage = Usage(20, 4, None, 9, 2, 0, 0)
    assert events[-1] == Finished("stop", usage, "gpt-4o-mini")


async def test_a_whole_answer_comes_as_the_vendor_gave_it(stage: Stage, wire: OpenAIWire) -> None:
    completion = await wire.complete(at(stage), ASK)
    assert completion["system_fingerprint"] == "fp_played"
    assert text(events_of(completion)) == "안녕 세상"


async def test_parameters_that_rini_does_not_know_reach_the_vendor(
    stage: Stage, wire: OpenAIWire
) -> None:
    params = {"temperature": 0.1, "brand_new": {"a": [1]}, "stream_options": {"more": 1}}
    await read(wire, at(stage), ChatRequest(ASK.messages, params))
    call = stage.wait_for_call()
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.body == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "안녕 세상"}],
        "temperature": 0.1,
        "brand_new": {"a": [1]},
        "stream": True,
        "stream_options": {"more": 1, "include_usage": True},
    }


async def test_a_whole_answer_is_asked_without_stream_options(
    stage: Stage, wire: OpenAIWire
) -> None:
    params = {"stream": True, "stream_options": {"include_usage": True}}
    await wire.complete(at(stage), ChatRequest(ASK.messages, params))
    assert stage.wait_for_call().body["stream"] is False
    assert "stream_options" not in stage.wait_for_call().body


async def test_a_local_server_needs_no_key(stage: Stage, wire: OpenAIWire) -> None:
    await read(wire, at(stage, key=None))
    assert "authorization" not in stage.wait_for_call().headers


async def test_reasoning_and_parallel_tool_calls_come_through(
    stage: Stage, wire: OpenAIWire
) -> None:
    calls = [ToolCall("a", "weather", '{"city": "서울"}'), ToolCall("b", "time", "{}")]
    stage.next(Script(pieces=[], reasoning=["考え"], tool_calls=calls, finish="tool_calls"))
    events = await read(wire, at(stage))
    deltas = [e for e in events if isinstance(e, ToolCallDelta)]
    assert "".join(d.arguments for d in deltas if d.index == 0) == '{"city": "서울"}'
    assert [(d.index, d.id, d.name) for d in deltas if d.id] == [
        (0, "a", "weather"),
        (1, "b", "time"),
    ]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "tool_calls"


async def test_the_connection_serves_the_next_call_too(stage: Stage, wire: OpenAIWire) -> None:
    ports = []
    for _ in range(3):
        stage.next(Script(lingers=0.02))
        await read(wire, at(stage))
        ports.append(stage.calls[-1].client_port)
    assert len(set(ports)) == 1


async def test_a_vendor_that_does_not_end_after_its_end_marker_is_left(
    stage: Stage, wire: OpenAIWire
) -> None:
    stage.next(Script(lingers=60))
    assert isinstance((await read(wire, at(stage)))[-1], Finished)
    assert await asyncio.to_thread(stage.wait_for_call().wait_closed, 5)


@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_a_stream_that_is_cut_off_ends_incomplete_after_what_came(
    stage: Stage, wire: OpenAIWire, how: Any, pieces: int
) -> None:
    stage.next(Script(pieces=["가", "나", "다"], cut=Cut(after_pieces=pieces, how=how)))
    events = await read(wire, at(stage))
    assert text(events) == "가나다"[:pieces]
    assert events[-1] == Finished("incomplete", Usage(), "gpt-4o-mini")


async def test_what_came_before_a_break_is_read_even_by_a_slow_reader(
    stage: Stage, wire: OpenAIWire
) -> None:
    stage.next(Script(pieces=["가", "나", "다"], delay=0.02, cut=Cut(after_pieces=3)))
    got = []
    async for chunk in wire.stream(at(stage), ASK):
        got.append(chunk)
        call = stage.wait_for_call()
        await asyncio.to_thread(call.ended.wait, 5)
        await asyncio.sleep(0.05)  # nothing tells when the closing has come over the wire
    assert [text_of(chunk) for chunk in got] == ["", "가", "나", "다"]


@pytest.mark.parametrize(
    ("how", "error"),
    [("eof", ProviderFailed), ("broken", ProviderUnavailable), ("reset", ProviderUnavailable)],
)
async def test_a_stream_that_ends_before_its_first_chunk_is_an_error(
    stage: Stage, wire: OpenAIWire, how: Any, error: type[ProviderError]
) -> None:
    stage.next(Script(cut=Cut(after_bytes=10, how=how)))
    with pytest.raises(error):
        await chunks(wire, at(stage))


async def test_a_chunk_that_is_cut_in_the_middle_is_dropped(stage: Stage, wire: OpenAIWire) -> None:
    stage.next(Script(pieces=["가" * 400], cut=Cut(after_bytes=900, how="eof")))
    events = await read(wire, at(stage))
    assert text(events) == ""
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "incomplete"


async def test_an_error_inside_a_stream_raises_after_what_came(
    stage: Stage, wire: OpenAIWire
) -> None:
    error = {"message": "Overloaded", "type": "rate_limit_exceeded", "code": None}
    stage.next(Script(pieces=["가"], error_midway=error))
    async with aclosing(wire.stream(at(stage), ASK)) as stream:
        opening, piece = await anext(stream), await anext(stream)
        with pytest.raises(ProviderRateLimited, match="Overloaded"):
            await anext(stream)
    assert [text_of(opening), text_of(piece)] == ["", "가"]


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (b"<html><body>Welcome</body></html>", "text/html", "OpenAI's format.*<html>"),
        (b"data: {broken\n\n", "text/event-stream", "broken"),
        (b"data: [1, 2]\n\n", "text/event-stream", "format"),
        (b"data: [DONE]\n\n", "text/event-stream", "format"),
        (b"", "text/event-stream", "nothing"),
        (b'{"error": {"message": "no GPU"}}', "application/json", "no GPU"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error_that_shows_its_beginning(
    stage: Stage, wire: OpenAIWire, raw: bytes, kind: str, says: str
) -> None:
    stage.next(Script(raw=raw, content_type=kind))
    with pytest.raises(ProviderFailed, match=says):
        await chunks(wire, at(stage))


async def test_garbage_after_the_first_chunk_ends_the_stream_incomplete(
    stage: Stage, wire: OpenAIWire
) -> None:
    good = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'
    stage.next(Script(raw=good + b"data: {broken\n\n" + good))
    events = await read(wire, at(stage))
    assert events == [TextDelta("x"), Finished("incomplete", Usage())]


GOOD = b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    "odd", ["data:", "data: ping", 'data: "ping"', "data: []", "data: null", ": beat", "data: 1"]
)
async def test_frames_that_hold_no_object_are_passed_over(
    stage: Stage, wire: OpenAIWire, odd: str
) -> None:
    frame = f"{odd}\n\n".encode()
    stage.next(Script(raw=frame + GOOD + frame + GOOD + END))
    events = await read(wire, at(stage))
    assert text(events) == "xx"
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
async def test_a_character_that_comes_in_two_halves_is_joined(
    stage: Stage, wire: OpenAIWire, field: str
) -> None:
    halves = [r"안\ud83d", r"\udc4b!", r"끝 \ud83d", "혼자", r"\ud83d"]
    frames = "".join(
        f'data: {{"choices": [{{"index": 0, "delta": {{"{field}": "{half}"}}}}]}}\n\n'
        for half in halves
    )
    stage.next(Script(raw=frames.encode() + END))
    events = await read(wire, at(stage))
    joined = "".join(e.text for e in events if isinstance(e, TextDelta | ReasoningDelta))
    assert joined == "안👋!끝 \N{REPLACEMENT CHARACTER}혼자\N{REPLACEMENT CHARACTER}"


async def test_a_whole_answer_to_a_streams_request_is_taken(stage: Stage, wire: OpenAIWire) -> None:
    whole = {
        "model": "played",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "네"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    raw = json.dumps(whole).encode()
    stage.next(Script(raw=raw, content_type="application/json"))
    events = await read(wire, at(stage))
    assert text(events) == "네"
    assert events[-1] == Finished("stop", Usage(input_tokens=3, output_tokens=1), "played")


@pytest.mark.parametrize("raw", [b"<html>", b"{}", b'"text"', b'{"choices": null}'])
async def test_a_whole_answer_without_choices_is_an_error(
    stage: Stage, wire: OpenAIWire, raw: bytes
) -> None:
    stage.next(Script(raw=raw))
    with pytest.raises(ProviderFailed, match="OpenAI's format"):
        await wire.complete(at(stage), ASK)


async def test_cancelling_the_task_closes_the_vendors_connection(
    stage: Stage, wire: OpenAIWire
) -> None:
    stage.next(SLOW)
    began = asyncio.Event()

    async def consume() -> None:
        async for _ in wire.stream(at(stage), ASK):
            began.set()

    task = asyncio.create_task(consume())
    await began.wait()
    task.cancel()
    call = stage.wait_for_call()
    assert await asyncio.to_thread(call.wait_closed, 2)
    assert call.pieces_sent < len(SLOW.pieces or ())


async def test_closing_the_generator_closes_the_vendors_connection(
    stage: Stage, wire: OpenAIWire
) -> None:
    stage.next(SLOW)
    async with aclosing(wire.stream(at(stage), ASK)) as stream:
        await anext(stream)
    call = stage.wait_for_call()
    assert await asyncio.to_thread(call.wait_closed, 2)


async def test_cancelling_before_the_answer_begins_closes_the_connection(
    stage: Stage, wire: OpenAIWire
) -> None:
    stage.next(Script(hangs=True))
    task = asyncio.create_task(wire.complete(at(stage), ASK))
    call = await asyncio.to_thread(stage.wait_for_call)
    task.cancel()
    assert await asyncio.to_thread(call.wait_closed, 2)


async def test_a_vendor_that_never_answers_is_a_timeout(
    stage: Stage, hasty_wire: OpenAIWire
) -> None:
    stage.next(Script(hangs=True), Script(hangs=True))
    with pytest.raises(ProviderTimeout, match="openai did not answer in time"):
        await chunks(hasty_wire, at(stage))
    with pytest.raises(ProviderTimeout):
        await hasty_wire.complete(at(stage), ASK)


async def test_a_vendor_that_goes_silent_in_a_stream_is_a_timeout(stage: Stage) -> None:
    wire = OpenAIWire(VendorClient(first_byte_timeout=60, idle_timeout=0.2))
    stage.next(Script(pieces=["가", "나"], delay=60))
    async with aclosing(wire.stream(at(stage), ASK)) as stream, asyncio.timeout(10):
        await anext(stream)
        with pytest.raises(ProviderTimeout):
            await anext(stream)
    assert await asyncio.to_thread(stage.wait_for_call().wait_closed, 5)
    await wire.close()


async def test_a_slow_vendor_is_no_silent_one(stage: Stage) -> None:
    wire = OpenAIWire(VendorClient(first_byte_timeout=1, idle_timeout=1))
    stage.next(Script(pieces=["가"] * 6, delay=0.25))
    assert text(await read(wire, at(stage))) == "가" * 6
    await wire.close()


async def test_an_address_where_nobody_listens_is_unavailable(
    stage: Stage, wire: OpenAIWire
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ProviderUnavailable, match="Check that it runs"):
            await chunks(wire, at(stage, url=url))


@pytest.mark.parametrize("url", ["", "nonsense", "http://[bad/v1"])
async def test_a_base_url_that_is_none_says_so(stage: Stage, wire: OpenAIWire, url: str) -> None:
    target = Target("openai", "openai", "m", url)
    with pytest.raises(ProviderError, match="base URL of openai is not valid"):
        await chunks(wire, target)


async def test_a_redirect_is_not_followed(stage: Stage, wire: OpenAIWire) -> None:
    elsewhere = {"Location": f"{stage.url}/anthropic/v1/models"}
    stage.next(Script(failure=Failure(307, "", elsewhere)))
    with pytest.raises(ProviderError, match=r"redirect.*base URL"):
        await wire.complete(at(stage), ASK)
    assert len(stage.calls) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRefused),
        (401, ProviderKeyInvalid),
        (404, ModelNotFound),
        (500, ProviderFailed),
    ],
)
async def test_an_http_error_is_told_by_its_status_and_never_shows_the_key(
    stage: Stage, wire: OpenAIWire, status: int, error: type[ProviderError]
) -> None:
    stage.always(Script(failure=Failure(status)), key=KEY)
    with pytest.raises(error) as caught:
        await chunks(wire, at(stage))
    assert KEY not in str(caught.value)


async def test_the_time_to_wait_is_the_vendors(stage: Stage, wire: OpenAIWire) -> None:
    stage.next(Script(failure=Failure(429, headers={"Retry-After": "21"})))
    with pytest.raises(ProviderRateLimited) as caught:
        await chunks(wire, at(stage))
    assert caught.value.retry_after == 21


async def test_a_text_that_is_not_unicode_is_refused_before_it_is_sent(
    stage: Stage, wire: OpenAIWire
) -> None:
    request = ChatRequest([{"role": "user", "content": "\ud800"}])
    with pytest.raises(ProviderRefused, match="JSON"):
        await read(wire, at(stage), request)
    assert stage.calls == []


async def test_embeddings_come_in_the_order_of_their_texts(stage: Stage, wire: OpenAIWire) -> None:
    target = Target("openai", "openai", "text-embedding-3-small", stage.openai_url, Secret(KEY))
    answer = await wire.embed(target, ["서울의 날씨", "東京の天気"], {"dimensions": 64})
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert [len(row["embedding"]) for row in answer["data"]] == [64, 64]
    assert answer["usage"]["prompt_tokens"] > 0


async def test_verifying_asks_for_the_list_of_models_only(stage: Stage, wire: OpenAIWire) -> None:
    await wire.verify(at(stage))
    assert [(c.method, c.path) for c in stage.calls] == [("GET", "/v1/models")]


async def test_verifying_a_bad_key_says_so(stage: Stage, wire: OpenAIWire) -> None:
    stage.always(Script(failure=Failure(401)), key="sk-bad-0000000000")
    with pytest.raises(ProviderKeyInvalid, match="Check the key"):
        await wire.verify(at(stage, key="sk-bad-0000000000"))


def test_calls_from_several_event_loops_do_not_meet(stage: Stage) -> None:
    wire = OpenAIWire()

    async def ask() -> str:
        try:
            return text(events_of(await wire.complete(at(stage), ASK)))
        finally:
            await wire.close()

    assert [asyncio.run(ask()) for _ in range(2)] == ["안녕 세상", "안녕 세상"]
