from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from billing.usage import Usage
from providers.errors import (
    ContextTooLong,
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
from providers.wires.gemini import GeminiWire
from providers.wires.http import VendorClient
from rini.secrets.secret import Secret
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

KEY = "AIzaSyTestKey-1234567890"
MODEL = "gemini-2.5-flash"
ASK = ChatRequest([{"role": "user", "content": "안녕 세상"}])
SLOW = Script(pieces=[f"{n} " for n in range(200)], delay=0.02)


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[GeminiWire]:
    wire = GeminiWire()
    yield wire
    await wire.close()


@pytest_asyncio.fixture
async def hasty_wire() -> AsyncIterator[GeminiWire]:
    wire = GeminiWire(VendorClient(first_byte_timeout=0.3, idle_timeout=0.3))
    yield wire
    await wire.close()


def at(stage: Stage, model: str = MODEL) -> Target:
    return Target("google", "gemini", model, stage.google_url, Secret(KEY))


def asking(**params: Any) -> ChatRequest:
    return ChatRequest(ASK.messages, params)


async def chunks(wire: GeminiWire, target: Target, request: ChatRequest = ASK) -> list[Chunk]:
    async with aclosing(wire.stream(target, request)) as stream:
        return [chunk async for chunk in stream]


async def read(wire: GeminiWire, target: Target, request: ChatRequest = ASK) -> list[Event]:
    reader = ChunkReader()
    events = [e for chunk in await chunks(wire, target, request) for e in reader.feed(chunk)]
    return [*events, reader.finish()]


def text(events: list[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def end(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def raw(*events: object) -> bytes:
    """The body of a stream; what is no bytes becomes JSON."""
    told = (e if isinstance(e, bytes) else json.dumps(e).encode() for e in events)
    return b"".join(b"data: " + event + b"\r\n\r\n" for event in told)


def says(text: str, finish: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}]}}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})]}


async def test_a_stream_brings_text_thoughts_usage_and_the_vendors_end(
    stage: Stage, wire: GeminiWire
) -> None:
    usage = Tokens(100, 30, cached=40, reasoning=12)
    script = Script(pieces=["안녕", "하세요", " 世界"], reasoning=["생각"], usage=usage)
    stage.next(script, script)
    events = await read(wire, at(stage))
    assert events[:-1] == [ReasoningDelta("생각"), *map(TextDelta, ["안녕", "하세요", " 世界"])]
    counted = Usage(100, cached_input_tokens=40, output_tokens=30, reasoning_tokens=12)
    assert end(events) == Finished("stop", counted, MODEL)
    whole = events_of(await wire.complete(at(stage), ASK))
    assert text(whole) == "안녕하세요 世界"
    assert end(whole) == end(events)


async def test_the_key_stands_in_a_header_and_the_model_in_the_path(
    stage: Stage, wire: GeminiWire
) -> None:
    await read(wire, at(stage))
    await wire.complete(at(stage), ASK)
    assert [call.path for call in stage.calls] == [
        f"/v1beta/models/{MODEL}:streamGenerateContent",
        f"/v1beta/models/{MODEL}:generateContent",
    ]
    for call in stage.calls:
        assert call.headers["x-goog-api-key"] == KEY
        assert "authorization" not in call.headers
        assert call.body["contents"] == [{"role": "user", "parts": [{"text": "안녕 세상"}]}]


async def test_a_model_s_name_is_no_path(stage: Stage, wire: GeminiWire) -> None:
    await wire.complete(at(stage, "../../openai/v1/x?key=1"), ASK)
    assert stage.calls[0].vendor == "google"
    assert stage.calls[0].path == "/v1beta/models/../../openai/v1/x?key=1:generateContent"
    await wire.complete(at(stage, "tunedModels/mine"), ASK)
    assert stage.calls[1].path == "/v1beta/tunedModels/mine:generateContent"


async def test_parallel_tool_calls_come_through(stage: Stage, wire: GeminiWire) -> None:
    same = ToolCall("", "weather", '{"city": "서울"}')
    stage.next(Script(pieces=[], tool_calls=[same, same, ToolCall("", "time", "{}")]))
    events = await read(wire, at(stage))
    deltas = [e for e in events if isinstance(e, ToolCallDelta)]
    assert [(d.index, d.name) for d in deltas] == [(0, "weather"), (1, "weather"), (2, "time")]
    assert deltas[0].arguments == deltas[1].arguments == '{"city": "서울"}'
    assert len({d.id for d in deltas}) == 3
    assert end(events).reason == "tool_calls"


async def test_several_answers_are_asked_for_and_each_ends(stage: Stage, wire: GeminiWire) -> None:
    stage.next(Script(pieces=["가", "나"]), Script(pieces=["가", "나"]))
    got = [
        choice
        for chunk in await chunks(wire, at(stage), asking(n=3))
        for choice in chunk["choices"]
    ]
    for index in range(3):
        mine = [choice for choice in got if choice["index"] == index]
        assert "".join(c["delta"].get("content", "") for c in mine) == "가나"
        assert [c["finish_reason"] for c in mine if c["finish_reason"]] == ["stop"]
    whole = await wire.complete(at(stage), asking(n=3))
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    assert [call.body["generationConfig"] for call in stage.calls] == [{"candidateCount": 3}] * 2


async def test_one_answer_of_several_that_is_cut_has_no_end(stage: Stage, wire: GeminiWire) -> None:
    second = {"candidates": [{"index": 1, "content": {"parts": [{"text": "나"}]}}]}
    stage.next(Script(raw=raw(says("가", "STOP"), second)))
    got = [
        choice
        for chunk in await chunks(wire, at(stage), asking(n=2))
        for choice in chunk["choices"]
    ]
    assert [(c["index"], c["finish_reason"]) for c in got] == [(0, "stop"), (1, None)]


async def test_the_connection_serves_the_next_call_too(stage: Stage, wire: GeminiWire) -> None:
    ports = []
    for _ in range(3):
        stage.next(Script(lingers=0.02))
        await read(wire, at(stage))
        ports.append(stage.calls[-1].client_port)
    assert len(set(ports)) == 1


async def test_a_vendor_that_does_not_end_after_its_end_is_left(
    stage: Stage, wire: GeminiWire
) -> None:
    stage.next(Script(lingers=60))
    assert end(await read(wire, at(stage))).reason == "stop"
    assert await asyncio.to_thread(stage.wait_for_call().wait_closed, 5)


async def test_what_comes_after_an_early_end_is_read(stage: Stage, wire: GeminiWire) -> None:
    usage = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}
    stage.next(Script(raw=raw(says("가", "STOP"), says("나", "STOP"), usage)))
    events = await read(wire, at(stage))
    assert text(events) == "가나"
    assert end(events) == Finished("stop", Usage(3, output_tokens=2), MODEL)


@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_stream_that_is_cut_off_ends_incomplete_after_what_came(
    stage: Stage, wire: GeminiWire, how: Any, pieces: int
) -> None:
    cut = Cut(after_pieces=pieces, how=how)
    stage.next(Script(pieces=["가", "나", "다"], usage=Tokens(9, 30, reasoning=12), cut=cut))
    events = await read(wire, at(stage))
    assert text(events) == "가나다"[:pieces]
    assert end(events).reason == "incomplete"
    usage = end(events).usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (9, 12 + pieces, 12)


@pytest.mark.parametrize(
    ("how", "error"),
    [("eof", ProviderFailed), ("broken", ProviderUnavailable), ("reset", ProviderUnavailable)],
)
async def test_a_stream_that_ends_before_it_says_anything_is_an_error(
    stage: Stage, wire: GeminiWire, how: Any, error: type[ProviderError]
) -> None:
    stage.next(Script(cut=Cut(after_bytes=20, how=how)))
    with pytest.raises(error):
        await read(wire, at(stage))


async def test_a_call_of_a_tool_that_came_to_nothing_is_no_whole_answer(
    stage: Stage, wire: GeminiWire
) -> None:
    told = says("부르려", "MALFORMED_FUNCTION_CALL")
    told["candidates"][0]["finishMessage"] = "Malformed function call: x("
    stage.next(Script(raw=raw(told)), Script(raw=json.dumps(told).encode()))
    got = await chunks(wire, at(stage))
    assert got[-1]["choices"][0]["native_finish_message"] == "Malformed function call: x("
    assert got[-1]["choices"][0]["finish_reason"] is None
    [choice] = (await wire.complete(at(stage), ASK))["choices"]
    assert choice["finish_reason"] == "incomplete"
    assert choice["native_finish_reason"] == "MALFORMED_FUNCTION_CALL"


async def test_a_blocked_prompt_is_told_as_filtered(stage: Stage, wire: GeminiWire) -> None:
    told = {"promptFeedback": {"blockReason": "BLOCKLIST"}}
    stage.next(Script(raw=raw(told)), Script(raw=json.dumps(told).encode()))
    assert end(await read(wire, at(stage))).reason == "content_filter"
    assert end(events_of(await wire.complete(at(stage), ASK))).reason == "content_filter"


async def test_odd_events_are_skipped_and_the_answer_goes_on(
    stage: Stage, wire: GeminiWire
) -> None:
    odd: tuple[Any, ...] = (b"", b"ping", b"{broken", [1, 2], {}, "text", {"candidates": None})
    stage.next(Script(raw=raw(*odd, says("가"), *odd, says("나", "STOP"))))
    events = await read(wire, at(stage))
    assert text(events) == "가나"
    assert end(events).reason == "stop"


async def test_separators_and_halves_of_emoji_come_through(stage: Stage, wire: GeminiWire) -> None:
    separators = json.dumps(says("가\u2028나\u2029다\x85라"), ensure_ascii=False).encode()
    halves = (says("\ud83d"), says("\ude00"), says("\udc00!", "STOP"))
    stage.next(Script(raw=raw(separators, *halves)))
    assert (
        text(await read(wire, at(stage))) == "가\u2028나\u2029다\x85라😀\N{REPLACEMENT CHARACTER}!"
    )
    stage.next(Script(raw=json.dumps(says("가\u2028\ud83d", "STOP")).encode()))
    [choice] = (await wire.complete(at(stage), ASK))["choices"]
    assert choice["message"]["content"] == "가\u2028\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("as_list", [False, True])
async def test_whole_json_in_place_of_a_stream_is_an_answer_too(
    stage: Stage, wire: GeminiWire, as_list: bool
) -> None:
    told: Any = [says("가"), says("나", "STOP")] if as_list else says("가나", "STOP")
    body = json.dumps(told, indent=2).encode()
    stage.next(Script(raw=b"\n" + body, content_type="application/json"))
    events = await read(wire, at(stage))
    assert text(events) == "가나"
    assert end(events).reason == "stop"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html><body>Welcome</body></html>", "text/html", "Gemini's format.*<html>"),
        (b"data: {broken\n\n", "text/event-stream", "broken"),
        (b"", "text/event-stream", "nothing"),
        (b"[]", "application/json", "begins: "),
        (b'{"error": {"message": "no GPU"}}', "application/json", "no GPU"),
        (b'[{"error": {"message": "no GPU"}}]', "application/json", "no GPU"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error_that_shows_its_beginning(
    stage: Stage, wire: GeminiWire, body: bytes, kind: str, words: str
) -> None:
    stage.next(Script(raw=body, content_type=kind), Script(raw=body, content_type=kind))
    with pytest.raises(ProviderFailed, match=words):
        await chunks(wire, at(stage))
    with pytest.raises(ProviderFailed):
        await wire.complete(at(stage), ASK)


async def test_an_error_inside_a_stream_raises_after_what_came(
    stage: Stage, wire: GeminiWire
) -> None:
    error = {"code": 503, "message": f"Overloaded {KEY}", "status": "UNAVAILABLE"}
    stage.next(Script(pieces=["가"], error_midway=error))
    async with aclosing(wire.stream(at(stage), ASK)) as stream:
        first = await anext(stream)
        with pytest.raises(ProviderUnavailable, match="Overloaded") as caught:
            await anext(stream)
    assert first["choices"][0]["delta"]["content"] == "가"
    assert KEY not in str(caught.value)


async def test_an_event_without_bounds_is_a_failure(stage: Stage, wire: GeminiWire) -> None:
    stage.next(Script(raw=b"data: " + b"x" * (17 * 1024 * 1024)))
    with pytest.raises(ProviderFailed, match="too long"):
        await chunks(wire, at(stage))
    stage.next(Script(raw=b"[" + b" " * (17 * 1024 * 1024)))
    with pytest.raises(ProviderFailed, match="too long"):
        await chunks(wire, at(stage))


FAILURES = [
    (400, ProviderRefused),
    (401, ProviderKeyInvalid),
    (403, ProviderKeyInvalid),
    (404, ModelNotFound),
    (429, ProviderRateLimited),
    (500, ProviderFailed),
    (503, ProviderUnavailable),
    (504, ProviderTimeout),
]


@pytest.mark.parametrize(("status", "error"), FAILURES)
async def test_the_vendors_status_decides_and_it_is_asked_once(
    stage: Stage, wire: GeminiWire, status: int, error: type[ProviderError]
) -> None:
    stage.always(Script(failure=Failure(status)), key=KEY)
    with pytest.raises(error) as streamed:
        await read(wire, at(stage))
    with pytest.raises(error) as whole:
        await wire.complete(at(stage), ASK)
    assert len(stage.calls) == 2
    assert str(streamed.value) == str(whole.value)
    for caught in (streamed, whole):
        assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_the_time_to_wait_is_the_vendors(stage: Stage, wire: GeminiWire) -> None:
    stage.next(Script(failure=Failure(429)))
    with pytest.raises(ProviderRateLimited) as caught:
        await read(wire, at(stage))
    assert caught.value.retry_after == 37


async def test_an_overlong_prompt_is_told_as_one(stage: Stage, wire: GeminiWire) -> None:
    message = "The input token count (2000000) exceeds the maximum number of tokens allowed."
    error = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
    stage.next(Script(failure=Failure(400, [error])))
    with pytest.raises(ContextTooLong, match="Shorten"):
        await read(wire, at(stage))


async def test_a_vendor_that_never_answers_or_goes_silent_is_a_timeout(
    stage: Stage, hasty_wire: GeminiWire
) -> None:
    stage.next(Script(hangs=True), Script(hangs=True), Script(pieces=["가", "나"], delay=30))
    with pytest.raises(ProviderTimeout):
        await read(hasty_wire, at(stage))
    with pytest.raises(ProviderTimeout):
        await hasty_wire.complete(at(stage), ASK)
    with pytest.raises(ProviderTimeout):
        await read(hasty_wire, at(stage))


async def test_a_stall_after_the_first_piece_is_a_timeout(stage: Stage) -> None:
    wire = GeminiWire(VendorClient(first_byte_timeout=60, idle_timeout=0.2))
    stage.next(Script(reasoning=["생각"], pieces=["가", "나"], delay=60))
    async with aclosing(wire.stream(at(stage), ASK)) as stream, asyncio.timeout(10):
        await anext(stream)
        with pytest.raises(ProviderTimeout):
            await anext(stream)
    assert await asyncio.to_thread(stage.wait_for_call().wait_closed, 5)
    await wire.close()


async def test_closing_the_stream_closes_the_vendors_connection(
    stage: Stage, wire: GeminiWire
) -> None:
    stage.next(SLOW)
    async with aclosing(wire.stream(at(stage), ASK)) as stream:
        await anext(stream)
    call = stage.wait_for_call()
    assert await asyncio.to_thread(call.wait_closed, 2)
    assert call.pieces_sent < len(SLOW.pieces or ())


@pytest.mark.parametrize("script", [SLOW, Script(hangs=True)])
async def test_cancelling_the_reader_closes_the_vendors_connection(
    stage: Stage, wire: GeminiWire, script: Script
) -> None:
    stage.next(script, script)
    for ask in (read, GeminiWire.complete):
        task = asyncio.create_task(ask(wire, at(stage), ASK))
        call = await asyncio.to_thread(stage.wait_for_call, len(stage.calls) + 1)
        task.cancel()
        assert await asyncio.to_thread(call.wait_closed, 2)


async def test_an_address_where_nobody_listens_is_unavailable(
    stage: Stage, wire: GeminiWire
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = replace(at(stage), base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1beta")
        with pytest.raises(ProviderUnavailable):
            await read(wire, nobody)
        with pytest.raises(ProviderUnavailable):
            await wire.complete(nobody, ASK)


async def test_what_gemini_has_no_word_for_never_reaches_it(stage: Stage, wire: GeminiWire) -> None:
    for ask in (read, GeminiWire.complete):
        with pytest.raises(ProviderRefused, match="logit_bias"):
            await ask(wire, at(stage), asking(logit_bias={"1": 2}))
    with pytest.raises(ProviderRefused, match="JSON"):
        await read(wire, at(stage), ChatRequest([{"role": "user", "content": "\ud800"}]))
    assert stage.calls == []


@pytest.mark.parametrize(
    ("header", "asked", "told"),
    [
        ("priority", "priority", "priority"),
        ("standard", "priority", ""),
        (None, "priority", "priority"),
        (None, "auto", ""),
    ],
)
async def test_a_paid_tier_is_what_the_vendor_served(
    stage: Stage, wire: GeminiWire, header: str | None, asked: str, told: str
) -> None:
    script = Script(headers={"x-gemini-service-tier": header} if header else {})
    stage.next(script, script)
    request = asking(service_tier=asked)
    assert end(await read(wire, at(stage), request)).service_tier == told
    assert end(events_of(await wire.complete(at(stage), request))).service_tier == told
    tiers = [call.body.get("serviceTier") for call in stage.calls]
    assert tiers == [None if asked == "auto" else asked] * 2


async def test_verifying_asks_for_the_list_of_models_only(stage: Stage, wire: GeminiWire) -> None:
    await wire.verify(at(stage))
    assert [(c.method, c.path, c.key) for c in stage.calls] == [("GET", "/v1beta/models", KEY)]
    stage.always(Script(failure=Failure(401)), key=KEY)
    with pytest.raises(ProviderKeyInvalid, match="Check the key"):
        await wire.verify(at(stage))


async def test_embeddings_come_in_order_and_without_a_made_up_usage(
    stage: Stage, wire: GeminiWire
) -> None:
    target = at(stage, "gemini-embedding-001")
    params = {"dimensions": 64, "encoding_format": "base64", "task_type": "SEMANTIC_SIMILARITY"}
    answer = await wire.embed(target, ["서울의 날씨", "files/abc"], params)
    assert [len(row["embedding"]) for row in answer["data"]] == [64, 64]
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert "usage" not in answer
    [call] = stage.calls
    assert call.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert {request["taskType"] for request in call.body["requests"]} == {"SEMANTIC_SIMILARITY"}


async def test_the_usage_of_embeddings_is_told_where_the_vendor_counts(
    stage: Stage, wire: GeminiWire
) -> None:
    told = {"embeddings": [{"values": [0.5]}], "usageMetadata": {"promptTokenCount": 4}}
    stage.next(Script(raw=json.dumps(told).encode()), Script(raw=b'{"predictions": []}'))
    answer = await wire.embed(at(stage), ["가"], {})
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    with pytest.raises(ProviderFailed, match="Gemini's format"):
        await wire.embed(at(stage), ["가"], {})


CALL = """
import asyncio, sys
from providers.types import ChatRequest, Target
from providers.wires.gemini import GeminiWire

async def main():
    wire = GeminiWire()
    target = Target("google", "gemini", "gemini-2.5-flash", sys.argv[1])
    await wire.complete(target, ChatRequest([{"role": "user", "content": "안녕"}]))
    await wire.close()

asyncio.run(main())
sys.exit("litellm" in sys.modules or "httpx" in sys.modules)
"""


def test_gemini_needs_no_litellm(stage: Stage) -> None:
    command = [sys.executable, "-c", CALL, stage.google_url]
    assert subprocess.run(command, check=False).returncode == 0
    assert len(stage.calls) == 1
