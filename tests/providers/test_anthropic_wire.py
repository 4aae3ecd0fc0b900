"""Anthropic's wire over HTTP, against the played vendor."""

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
    Event,
    Finished,
    Keepsake,
    ReasoningDelta,
    Target,
    TextDelta,
    ToolCallDelta,
)
from providers.wires.anthropic import AnthropicWire
from providers.wires.http import VendorClient
from rini.secrets.secret import Secret
from tests.vendors import anthropic
from tests.vendors.anthropic_rules import violations
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

ASKED = {"model": "claude-sonnet-4-5"}
KEY = "sk-ant-test-key-1234567890"
ASK = ChatRequest([{"role": "user", "content": "안녕 세상"}])
SLOW = Script(pieces=[f"{n} " for n in range(200)], delay=0.02)


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[AnthropicWire]:
    wire = AnthropicWire()
    yield wire
    await wire.close()


@pytest_asyncio.fixture
async def hasty_wire() -> AsyncIterator[AnthropicWire]:
    wire = AnthropicWire(VendorClient(first_byte_timeout=0.3, idle_timeout=0.3))
    yield wire
    await wire.close()


def at(stage: Stage, **more: Any) -> Target:
    return Target(
        "anthropic", "anthropic", "claude-sonnet-4-5", stage.anthropic_url, Secret(KEY), **more
    )


async def read(wire: AnthropicWire, target: Target, request: ChatRequest = ASK) -> list[Event]:
    reader = ChunkReader()
    async with aclosing(wire.stream(target, request)) as stream:
        events = [event async for chunk in stream for event in reader.feed(chunk)]
    return [*events, reader.finish()]


def text(events: list[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def end(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def played(script: Script) -> bytes:
    """The bytes of a stream."""
    return b"".join(part.data for part in anthropic.stream(script, ASKED))


async def test_a_stream_brings_text_usage_and_the_vendors_end(
    stage: Stage, wire: AnthropicWire
) -> None:
    tokens = Tokens(100, 30, cached=40, cache_write=20)
    script = Script(pieces=["안녕", "하세요", " 世界"], reasoning=["생각"], usage=tokens)
    stage.next(script, script)
    events = await read(wire, at(stage))
    said = [event for event in events if not isinstance(event, Keepsake)]
    assert said[:-1] == [
        ReasoningDelta("생각"),
        *(TextDelta("안녕"), TextDelta("하세요"), TextDelta(" 世界")),
    ]
    usage = Usage(100, cached_input_tokens=40, cache_write_tokens=20, output_tokens=30)
    assert end(events) == Finished("stop", usage, "claude-sonnet-4-5")
    whole = events_of(await wire.complete(at(stage), ASK))
    assert (text(whole), end(whole)) == ("안녕하세요 世界", end(events))


async def test_the_request_is_anthropics_own(stage: Stage, wire: AnthropicWire) -> None:
    await read(wire, at(stage, max_output_tokens=64_000))
    call = stage.wait_for_call()
    assert (call.method, call.path) == ("POST", "/v1/messages")
    assert (call.headers["x-api-key"], call.headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "authorization" not in call.headers
    assert "anthropic-beta" not in call.headers
    assert violations(call.body) == []
    assert call.body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "안녕 세상"}]}],
        "stream": True,
    }


async def test_features_in_beta_are_named_in_the_targets_options(
    stage: Stage, wire: AnthropicWire
) -> None:
    await read(wire, at(stage, options={"anthropic_beta": "context-1m-2025-08-07"}))
    assert stage.wait_for_call().headers["anthropic-beta"] == "context-1m-2025-08-07"


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_the_base_url_may_have_the_version(
    stage: Stage, wire: AnthropicWire, ending: str
) -> None:
    await read(wire, replace(at(stage), base_url=f"{stage.anthropic_url}{ending}"))
    assert stage.wait_for_call().path == "/v1/messages"


async def test_a_server_of_ones_own_needs_no_key(stage: Stage, wire: AnthropicWire) -> None:
    await read(wire, replace(at(stage), api_key=None))
    assert "x-api-key" not in stage.wait_for_call().headers


async def test_parallel_tool_calls_come_through_with_their_names(
    stage: Stage, wire: AnthropicWire
) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a.b", "a:b")]
    asked = ChatRequest(ASK.messages, {"tools": tools})
    await read(wire, at(stage), asked)
    sent = [tool["name"] for tool in stage.wait_for_call().body["tools"]]
    calls = [ToolCall("x", sent[0], '{"도시": "서울"}'), ToolCall("y", sent[1], "{}")]
    stage.next(Script(pieces=[], tool_calls=calls, finish="tool_calls"))
    events = await read(wire, at(stage), asked)
    deltas = [e for e in events if isinstance(e, ToolCallDelta)]
    assert [(d.index, d.id, d.name) for d in deltas if d.name] == [(0, "x", "a.b"), (1, "y", "a:b")]
    assert json.loads("".join(d.arguments for d in deltas if d.index == 0)) == {"도시": "서울"}
    assert end(events).reason == "tool_calls"


async def test_usage_that_the_vendor_did_not_send_is_missing(
    stage: Stage, wire: AnthropicWire
) -> None:
    stage.next(Script(pieces=["가", "나"], usage=None))
    assert end(await read(wire, at(stage))).usage == Usage()


@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
@pytest.mark.parametrize("pieces", [0, 1, 2])
async def test_a_stream_that_is_cut_off_ends_incomplete_after_what_came(
    stage: Stage, wire: AnthropicWire, how: Any, pieces: int
) -> None:
    stage.next(Script(pieces=["가", "나"], usage=Tokens(9, 5), cut=Cut(pieces, how=how)))
    events = await read(wire, at(stage))
    assert text(events) == "가나"[:pieces]
    assert end(events).reason == "incomplete"
    assert end(events).usage.input_tokens == 9


async def test_a_count_of_output_from_before_the_text_is_dropped_with_the_cut(
    stage: Stage, wire: AnthropicWire
) -> None:
    stage.next(Script(pieces=["가", "나"], usage=Tokens(9, 5), cut=Cut(1)))
    assert end(await read(wire, at(stage))).usage == Usage(9, 0, 0)


@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
async def test_a_stream_without_its_end_marker_is_incomplete(
    stage: Stage, wire: AnthropicWire, how: Any
) -> None:
    whole = played(Script(pieces=["가"]))
    stage.next(
        Script(pieces=["가"], cut=Cut(after_bytes=whole.index(b"event: message_stop"), how=how))
    )
    events = await read(wire, at(stage))
    assert (text(events), end(events).reason) == ("가", "incomplete")
    assert end(events).usage.output_tokens == 7


@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
async def test_a_whole_answer_that_is_cut_off_is_an_error(
    stage: Stage, wire: AnthropicWire, how: Any
) -> None:
    stage.next(Script(pieces=["가", "나"], cut=Cut(1, how=how)))
    with pytest.raises(ProviderUnavailable, match="broke"):
        await wire.complete(at(stage), ASK)


@pytest.mark.parametrize(
    ("how", "error"),
    [("eof", ProviderFailed), ("broken", ProviderUnavailable), ("reset", ProviderUnavailable)],
)
async def test_a_stream_that_ends_before_it_says_anything_is_an_error(
    stage: Stage, wire: AnthropicWire, how: Any, error: type[ProviderError]
) -> None:
    stage.next(Script(cut=Cut(after_bytes=20, how=how)))
    with pytest.raises(error):
        await read(wire, at(stage))


@pytest.mark.parametrize("said", ["pause_turn", "brand_new"])
async def test_a_reason_that_proves_no_end_is_incomplete(
    stage: Stage, wire: AnthropicWire, said: str
) -> None:
    raw = played(Script(pieces=["가"])).replace(b"end_turn", said.encode())
    stage.next(Script(raw=raw), Script(raw=raw))
    for events in (await read(wire, at(stage)), events_of(await wire.complete(at(stage), ASK))):
        assert (text(events), end(events).reason) == ("가", "incomplete")


@pytest.mark.parametrize(("said", "reason"), [("length", "length"), ("content_filter",) * 2])
async def test_the_reason_of_the_end_is_the_vendors(
    stage: Stage, wire: AnthropicWire, said: Any, reason: str
) -> None:
    script = Script(pieces=["가"], finish=said)
    stage.next(script, script)
    assert end(await read(wire, at(stage))).reason == reason
    assert end(events_of(await wire.complete(at(stage), ASK))).reason == reason


async def test_separators_and_halves_of_characters_are_text_as_it_was(
    stage: Stage, wire: AnthropicWire
) -> None:
    stage.next(Script(pieces=["가\u2028나\u2029", "다\x85"]))
    assert text(await read(wire, at(stage))) == "가\u2028나\u2029다\x85"
    halves = played(Script(pieces=["A", "B"])).replace(b'"A"', rb'"\ud83d"')
    stage.next(Script(raw=halves.replace(b'"B"', rb'"\ude00"')))
    assert text(await read(wire, at(stage))) == "😀"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", ProviderUnavailable),
        ("rate_limit_error", ProviderRateLimited),
        ("api_error", ProviderFailed),
        ("timeout_error", ProviderTimeout),
        ("invalid_request_error", ProviderRefused),
    ],
)
async def test_an_error_inside_a_stream_raises_after_what_came(
    stage: Stage, wire: AnthropicWire, kind: str, error: type[ProviderError]
) -> None:
    told = {"type": kind, "message": f"Sorry {KEY}"}
    script = Script(pieces=["가"], error_midway=told)
    stage.next(script, script)
    async with aclosing(wire.stream(at(stage), ASK)) as stream:
        got = [await anext(stream), await anext(stream)]
        with pytest.raises(error, match="Sorry") as caught:
            await anext(stream)
    assert [chunk["choices"][0]["delta"]["content"] for chunk in got] == ["", "가"]
    with pytest.raises(error):
        await wire.complete(at(stage), ASK)
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (b"<html><body>Welcome</body></html>", "text/html", "Anthropic's format.*<html>"),
        (b"data: {broken\n\n", "text/event-stream", "broken"),
        (b"data: [1, 2]\n\n", "text/event-stream", "format"),
        (b'data: {"type": "message_stop"}\n\n', "text/event-stream", "format"),
        (b"", "text/event-stream", "nothing"),
        (b'{"choices": [], "x": "\\ud83d"}', "application/json", "choices"),
        (b'{"type": "error", "error": {"message": "no GPU"}}', "application/json", "no GPU"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error_that_shows_its_beginning(
    stage: Stage, wire: AnthropicWire, raw: bytes, kind: str, says: str
) -> None:
    stage.next(*[Script(raw=raw, content_type=kind)] * 2)
    for ask in (read, AnthropicWire.complete):
        with pytest.raises(ProviderFailed, match=says):
            await ask(wire, at(stage), ASK)


async def test_a_server_that_sends_no_stream_is_read_all_the_same(
    stage: Stage, wire: AnthropicWire
) -> None:
    calls = [ToolCall("t", "f", '{"a": [1, "나"]}')]
    script = Script(pieces=["가"], reasoning=["음"], tool_calls=calls, finish="tool_calls")
    raw = json.dumps(anthropic.answer(script, {"model": "m"})).encode()
    stage.next(Script(raw=raw, content_type="application/json"), script)
    whole, streamed = [await read(wire, at(stage)) for _ in range(2)]
    assert text(whole) == text(streamed) == "가"
    assert end(whole).usage == end(streamed).usage
    arguments = "".join(e.arguments for e in whole if isinstance(e, ToolCallDelta))
    assert json.loads(arguments) == {"a": [1, "나"]}


async def test_closing_the_stream_closes_the_vendors_connection(
    stage: Stage, wire: AnthropicWire
) -> None:
    stage.next(SLOW)
    async with aclosing(wire.stream(at(stage), ASK)) as stream:
        await anext(stream)
    call = stage.wait_for_call()
    assert await asyncio.to_thread(call.wait_closed, 2)
    assert call.pieces_sent < len(SLOW.pieces or ())


@pytest.mark.parametrize("script", [SLOW, Script(hangs=True)])
async def test_cancelling_closes_the_vendors_connection(
    stage: Stage, wire: AnthropicWire, script: Script
) -> None:
    stage.always(script, key=KEY)
    for ask in (read, AnthropicWire.complete):
        task = asyncio.create_task(ask(wire, at(stage), ASK))
        call = await asyncio.to_thread(stage.wait_for_call, len(stage.calls) + 1)
        task.cancel()
        assert await asyncio.to_thread(call.wait_closed, 2)


async def test_the_connection_serves_the_next_call_too(stage: Stage, wire: AnthropicWire) -> None:
    for _ in range(3):
        stage.next(Script(lingers=0.02))
        await read(wire, at(stage))
    assert len({call.client_port for call in stage.calls}) == 1


async def test_a_vendor_that_does_not_end_after_its_end_marker_is_left(
    stage: Stage, wire: AnthropicWire
) -> None:
    stage.next(Script(lingers=60))
    assert end(await read(wire, at(stage))).reason == "stop"
    assert await asyncio.to_thread(stage.wait_for_call().wait_closed, 5)


async def test_a_vendor_that_never_answers_or_goes_silent_is_a_timeout(
    stage: Stage, hasty_wire: AnthropicWire
) -> None:
    for script in (Script(hangs=True), Script(pieces=["가", "나"], delay=30)):
        stage.next(script, script)
        for ask in (read, AnthropicWire.complete):
            with pytest.raises(ProviderTimeout, match="anthropic did not answer in time"):
                await ask(hasty_wire, at(stage), ASK)
    assert await asyncio.to_thread(stage.wait_for_call(4).wait_closed, 5)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRefused),
        (401, ProviderKeyInvalid),
        (403, ProviderKeyInvalid),
        (404, ModelNotFound),
        (413, ContextTooLong),
        (429, ProviderRateLimited),
        (500, ProviderFailed),
        (529, ProviderUnavailable),
    ],
)
async def test_an_http_error_is_told_by_its_status_once_and_never_shows_the_key(
    stage: Stage, wire: AnthropicWire, status: int, error: type[ProviderError]
) -> None:
    stage.always(Script(failure=Failure(status, headers={"Retry-After": "21"})), key=KEY)
    for ask in (read, AnthropicWire.complete):
        with pytest.raises(error) as caught:
            await ask(wire, at(stage), ASK)
        assert caught.value.retry_after == 21
        assert KEY not in "".join(traceback.format_exception(caught.value))
    assert len(stage.calls) == 2


async def test_an_overlong_prompt_is_told_as_one(stage: Stage, wire: AnthropicWire) -> None:
    message = "prompt is too long: 200001 tokens > 200000 maximum"
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    stage.next(Script(failure=Failure(400, error)))
    with pytest.raises(ContextTooLong, match="Shorten"):
        await read(wire, at(stage))


async def test_what_cannot_be_told_never_reaches_the_vendor(
    stage: Stage, wire: AnthropicWire
) -> None:
    for request in (
        ChatRequest(ASK.messages, {"seed": 1}),
        ChatRequest([{"role": "user", "content": "\ud800"}]),
        ChatRequest([{"role": "user", "content": [{"type": "input_audio"}]}]),
    ):
        with pytest.raises(ProviderRefused):
            await read(wire, at(stage), request)
        with pytest.raises(ProviderRefused):
            await wire.complete(at(stage), request)
    assert stage.calls == []


async def test_an_address_where_nobody_listens_is_unavailable(
    stage: Stage, wire: AnthropicWire
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        target = replace(at(stage), base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ProviderUnavailable, match="Check that it runs"):
            await read(wire, target)


async def test_verifying_asks_for_the_list_of_models_only(
    stage: Stage, wire: AnthropicWire
) -> None:
    await wire.verify(at(stage))
    assert [(c.method, c.path, c.key) for c in stage.calls] == [("GET", "/v1/models", KEY)]
    stage.always(Script(failure=Failure(401)), key=KEY)
    with pytest.raises(ProviderKeyInvalid, match="Check the key"):
        await wire.verify(at(stage))


async def test_embeddings_are_refused(stage: Stage, wire: AnthropicWire) -> None:
    with pytest.raises(ProviderRefused, match="embeddings"):
        await wire.embed(at(stage), ["가"], {})


async def test_a_request_in_anthropics_own_words_goes_and_comes_byte_for_byte(
    stage: Stage, wire: AnthropicWire
) -> None:
    raw = played(Script(pieces=["가"]))
    stage.next(Script(raw=raw))
    asked = {"model": "claude-sonnet-4-5", "stream": True, "brand_new": {"a": [None]}}
    headers = {"Anthropic-Beta": "new-1", "Authorization": "Bearer x", "X-Api-Key": "y"}
    response = await wire.messages(at(stage), asked, headers)
    try:
        assert await response.whole() == raw
    finally:
        response.close()
    call = stage.wait_for_call()
    assert call.body == asked
    assert (call.headers["anthropic-beta"], call.key) == ("new-1", KEY)
    assert "authorization" not in call.headers
    stage.next(Script(failure=Failure(429)))
    with pytest.raises(ProviderRateLimited):
        await wire.messages(at(stage), asked)


def test_neither_litellm_nor_another_client_is_loaded_for_claude() -> None:
    check = (
        "import sys; from providers.wires import anthropic;"
        "sys.exit(bool({'litellm', 'openai', 'httpx'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
