from __future__ import annotations

import asyncio
import contextvars
import gc
import json
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
    ReasoningDelta,
    Target,
    TextDelta,
    ToolCallDelta,
)
from providers.wires.litellm import LiteLLMWire
from rini.secrets.secret import Secret
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

KEY = "sk-ant-test-key-1234567890"
ASK = ChatRequest([{"role": "user", "content": "안녕 세상"}])
VENDORS = ["anthropic", "google"]
both = pytest.mark.parametrize("vendor", VENDORS)


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[LiteLLMWire]:
    wire = LiteLLMWire()
    yield wire
    await wire.close()


def at(stage: Stage, vendor: str) -> Target:
    if vendor == "anthropic":
        url, model, prefix = stage.anthropic_url, "claude-sonnet-4-5", "anthropic"
    elif vendor == "google":
        url, model, prefix = stage.google_url, "gemini-2.5-flash", "gemini"
    else:
        url, model, prefix = stage.openai_url, "mistral-small", "mistral"
    return Target(vendor, "litellm", model, url, Secret(KEY), prefix)


async def read(wire: LiteLLMWire, target: Target, request: ChatRequest = ASK) -> list[Event]:
    reader = ChunkReader()
    async with aclosing(wire.stream(target, request)) as stream:
        events = [event async for chunk in stream for event in reader.feed(chunk)]
    return [*events, reader.finish()]


def text(events: list[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def end(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


@pytest.mark.parametrize("vendor", [*VENDORS, "mistral"])
async def test_a_stream_brings_text_and_the_vendors_end(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(Script(pieces=["안녕", "하세요", " 世界"]))
    events = await read(wire, at(stage, vendor))
    assert text(events) == "안녕하세요 世界"
    assert end(events).reason == "stop"
    assert KEY in str(stage.wait_for_call().headers)


USAGES = [
    (
        "anthropic",
        Tokens(100, 30, cached=40, cache_write=20),
        Usage(100, cached_input_tokens=40, cache_write_tokens=20, output_tokens=30),
    ),
    (
        "google",
        Tokens(100, 30, cached=40, reasoning=12),
        Usage(100, cached_input_tokens=40, output_tokens=30, reasoning_tokens=12),
    ),
]


@pytest.mark.parametrize(("vendor", "tokens", "usage"), USAGES)
async def test_usage_follows_our_convention_streamed_and_whole(
    stage: Stage, wire: LiteLLMWire, vendor: str, tokens: Tokens, usage: Usage
) -> None:
    script = Script(pieces=["가", "나"], reasoning=["생각"], usage=tokens)
    stage.next(script, script)
    target = at(stage, vendor)
    streamed = await read(wire, target)
    whole = events_of(await wire.complete(target, ASK))
    assert end(streamed).usage == usage
    assert end(whole).usage == usage
    assert ReasoningDelta("생각") in streamed
    assert text(streamed) == text(whole) == "가나"


@both
async def test_usage_that_the_vendor_did_not_send_is_missing_and_not_estimated(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(Script(pieces=["가", "나"], usage=None))
    events = await read(wire, at(stage, vendor))
    assert end(events) == Finished("stop", Usage(), end(events).model)


@both
@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_stream_that_is_cut_off_ends_incomplete_after_what_came(
    stage: Stage, wire: LiteLLMWire, vendor: str, how: Any, pieces: int
) -> None:
    stage.next(Script(pieces=["가", "나"], usage=Tokens(9, 5), cut=Cut(pieces, how=how)))
    events = await read(wire, at(stage, vendor))
    assert text(events) == "가나"[:pieces]
    assert end(events).reason == "incomplete"
    assert end(events).usage.input_tokens == 9


async def test_what_gemini_counted_of_its_thinking_stays_with_the_cut(
    stage: Stage, wire: LiteLLMWire
) -> None:
    tokens = Tokens(9, 30, reasoning=12)
    stage.next(Script(pieces=["가", "나"], usage=tokens, cut=Cut(1)))
    usage = end(await read(wire, at(stage, "google"))).usage
    assert (usage.output_tokens, usage.reasoning_tokens) == (13, 12)


async def test_a_count_of_output_from_before_the_text_is_dropped_with_the_cut(
    stage: Stage, wire: LiteLLMWire
) -> None:
    stage.next(Script(pieces=["가", "나"], usage=Tokens(9, 5), cut=Cut(1)))
    assert end(await read(wire, at(stage, "anthropic"))).usage == Usage(9, 0, 0)


@both
@pytest.mark.parametrize("how", ["broken", "reset"])
async def test_a_connection_that_breaks_before_the_text_is_unavailable(
    stage: Stage, wire: LiteLLMWire, vendor: str, how: Any
) -> None:
    stage.next(Script(cut=Cut(after_bytes=20, how=how)))
    with pytest.raises(ProviderUnavailable):
        await read(wire, at(stage, vendor))


@both
async def test_a_stream_that_ends_before_it_says_anything_is_an_error(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(Script(cut=Cut(after_bytes=20, how="eof")))
    with pytest.raises(ProviderError):
        await read(wire, at(stage, vendor))


async def test_a_stream_cut_between_its_opening_and_its_text_is_incomplete(
    stage: Stage, wire: LiteLLMWire
) -> None:
    stage.next(Script(pieces=["가"], usage=Tokens(9, 5), cut=Cut(0, how="eof")))
    events = await read(wire, at(stage, "anthropic"))
    assert events[:-1] == []
    assert end(events).reason == "incomplete"


@both
async def test_a_page_in_place_of_a_stream_is_an_error(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(Script(raw=b"<html><body>Welcome</body></html>", content_type="text/html"))
    with pytest.raises(ProviderFailed, match="Check its base URL"):
        await read(wire, at(stage, vendor))


@both
async def test_an_error_inside_a_stream_raises(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    error = {"type": "overloaded_error", "message": "Overloaded", "code": 503, "status": "BUSY"}
    stage.next(Script(pieces=["가"], error_midway=error))
    with pytest.raises(ProviderError, match="Overloaded") as caught:
        await read(wire, at(stage, vendor))
    assert caught.value.retryable


@both
@pytest.mark.parametrize(("said", "reason"), [("length", "length"), ("content_filter",) * 2])
async def test_the_reason_of_the_end_is_the_vendors(
    stage: Stage, wire: LiteLLMWire, vendor: str, said: Any, reason: str
) -> None:
    script = Script(pieces=["가"], finish=said)
    stage.next(script, script)
    assert end(await read(wire, at(stage, vendor))).reason == reason
    assert end(events_of(await wire.complete(at(stage, vendor), ASK))).reason == reason


@both
async def test_parallel_tool_calls_come_through(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    calls = [ToolCall("a", "weather", '{"city": "서울"}'), ToolCall("b", "time", "{}")]
    stage.next(Script(pieces=[], tool_calls=calls, finish="tool_calls"))
    events = await read(wire, at(stage, vendor))
    deltas = [e for e in events if isinstance(e, ToolCallDelta)]
    assert [(d.index, d.name) for d in deltas if d.name] == [(0, "weather"), (1, "time")]
    arguments = "".join(d.arguments for d in deltas if d.index == 0)
    assert json.loads(arguments) == {"city": "서울"}
    assert end(events).reason == "tool_calls"


SLOW = Script(pieces=[f"{n} " for n in range(200)], delay=0.02)


@pytest.mark.parametrize("vendor", [*VENDORS, "mistral"])
async def test_closing_the_stream_closes_the_vendors_connection(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(SLOW)
    async with aclosing(wire.stream(at(stage, vendor), ASK)) as stream:
        await anext(stream)
    call = stage.wait_for_call()
    assert await asyncio.to_thread(call.wait_closed, 2)
    assert call.pieces_sent < len(SLOW.pieces or ())


@both
async def test_cancelling_the_reader_closes_the_vendors_connection(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(SLOW)
    task = asyncio.create_task(read(wire, at(stage, vendor)))
    call = await asyncio.to_thread(stage.wait_for_call)
    task.cancel()
    assert await asyncio.to_thread(call.wait_closed, 2)


@both
async def test_cancelling_before_the_answer_begins_closes_the_connection(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(Script(hangs=True), Script(hangs=True))
    target = at(stage, vendor)
    for ask in (read, LiteLLMWire.complete):
        task = asyncio.create_task(ask(wire, target, ASK))
        call = await asyncio.to_thread(stage.wait_for_call, len(stage.calls) + 1)
        task.cancel()
        assert await asyncio.to_thread(call.wait_closed, 2)


@both
async def test_collecting_a_stream_that_was_left_sets_no_context_variables(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.next(SLOW)
    collecting = contextvars.Context()
    gc.disable()
    try:
        async with aclosing(wire.stream(at(stage, vendor), ASK)) as stream:
            await anext(stream)
        del stream
        collecting.run(gc.collect)
    finally:
        gc.enable()
    assert not list(collecting)


FAILURES = [
    ("anthropic", 400, ProviderRefused),
    ("anthropic", 401, ProviderKeyInvalid),
    ("anthropic", 404, ModelNotFound),
    ("anthropic", 429, ProviderRateLimited),
    ("anthropic", 500, ProviderFailed),
    ("anthropic", 529, ProviderUnavailable),
    ("google", 400, ProviderRefused),
    ("google", 401, ProviderKeyInvalid),
    ("google", 404, ModelNotFound),
    ("google", 429, ProviderRateLimited),
    ("google", 500, ProviderFailed),
    ("google", 503, ProviderUnavailable),
]


@pytest.mark.parametrize(("vendor", "status", "error"), FAILURES)
async def test_the_vendors_status_decides_and_it_is_asked_once(
    stage: Stage, wire: LiteLLMWire, vendor: str, status: int, error: type[ProviderError]
) -> None:
    stage.always(Script(failure=Failure(status)), key=KEY)
    with pytest.raises(error) as streamed:
        await read(wire, at(stage, vendor))
    with pytest.raises(error) as whole:
        await wire.complete(at(stage, vendor), ASK)
    assert len(stage.calls) == 2
    assert str(streamed.value) == str(whole.value)
    assert "litellm" not in str(whole.value).lower()
    for caught in (streamed, whole):
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert caught.value.__context__ is None


@both
async def test_the_time_to_wait_is_the_vendors(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    stage.always(Script(failure=Failure(429, headers={"Retry-After": "21"})), key=KEY)
    with pytest.raises(ProviderRateLimited) as streamed:
        await read(wire, at(stage, vendor))
    with pytest.raises(ProviderRateLimited) as whole:
        await wire.complete(at(stage, vendor), ASK)
    assert streamed.value.retry_after == whole.value.retry_after == 21


async def test_an_overlong_prompt_is_told_as_one(stage: Stage, wire: LiteLLMWire) -> None:
    message = "prompt is too long: 200001 tokens > 200000 maximum"
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    stage.next(Script(failure=Failure(400, error)))
    with pytest.raises(ContextTooLong, match="Shorten"):
        await read(wire, at(stage, "anthropic"))


@both
async def test_an_address_where_nobody_listens_is_unavailable(
    stage: Stage, wire: LiteLLMWire, vendor: str
) -> None:
    target = replace(at(stage, vendor), base_url="http://127.0.0.1:1")
    with pytest.raises(ProviderUnavailable):
        await read(wire, target)
    with pytest.raises(ProviderUnavailable):
        await wire.complete(target, ASK)


@both
async def test_a_vendor_that_never_answers_or_goes_silent_is_a_timeout(
    stage: Stage, vendor: str
) -> None:
    hasty = LiteLLMWire(timeout=0.3)
    stage.next(Script(hangs=True), Script(hangs=True), Script(pieces=["가", "나"], delay=30))
    with pytest.raises(ProviderTimeout):
        await read(hasty, at(stage, vendor))
    with pytest.raises(ProviderTimeout):
        await hasty.complete(at(stage, vendor), ASK)
    with pytest.raises(ProviderTimeout):
        await read(hasty, at(stage, vendor))
    await hasty.close()


@both
async def test_a_slow_vendor_is_no_silent_one(stage: Stage, vendor: str) -> None:
    patient = LiteLLMWire(timeout=1)
    stage.next(Script(pieces=["가"] * 6, delay=0.25))
    assert text(await read(patient, at(stage, vendor))) == "가" * 6
    await patient.close()


@pytest.mark.parametrize(
    "params",
    [
        {"api_base": "http://127.0.0.1:1"},
        {"base_url": "http://127.0.0.1:1"},
        {"mock_response": "forged"},
        {"extra_headers": {"x": "y"}},
        {"fallbacks": ["gpt-4o"]},
        {"custom_llm_provider": "openai"},
    ],
)
async def test_parameters_that_are_litellms_own_are_refused(
    stage: Stage, wire: LiteLLMWire, params: dict[str, Any]
) -> None:
    request = ChatRequest(ASK.messages, params)
    with pytest.raises(ProviderRefused, match=next(iter(params))):
        await read(wire, at(stage, "anthropic"), request)
    with pytest.raises(ProviderRefused, match=next(iter(params))):
        await wire.complete(at(stage, "anthropic"), request)
    assert stage.calls == []


async def test_a_parameter_that_the_vendor_has_no_word_for_is_refused_by_name(
    stage: Stage, wire: LiteLLMWire
) -> None:
    request = ChatRequest(ASK.messages, {"logit_bias": {"1": 2}})
    with pytest.raises(ProviderRefused, match="logit_bias") as caught:
        await wire.complete(at(stage, "anthropic"), request)
    assert "litellm" not in str(caught.value)


async def test_parameters_reach_the_vendor_in_its_own_words(
    stage: Stage, wire: LiteLLMWire
) -> None:
    request = ChatRequest(ASK.messages, {"max_tokens": 5, "stop": ["끝"], "top_k": 3})
    await read(wire, at(stage, "anthropic"), request)
    body = stage.wait_for_call().body
    assert (body["max_tokens"], body["stop_sequences"], body["top_k"]) == (5, ["끝"], 3)


async def test_without_a_key_none_is_taken_from_the_environment(
    stage: Stage, wire: LiteLLMWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-operator")
    await wire.complete(replace(at(stage, "anthropic"), api_key=None), ASK)
    assert "sk-ant-operator" not in str(stage.wait_for_call().headers)


@both
async def test_verifying_a_key_costs_nothing(stage: Stage, wire: LiteLLMWire, vendor: str) -> None:
    await wire.verify(at(stage, vendor))
    assert [call.method for call in stage.calls] == ["GET"]
    assert stage.calls[0].path.endswith("/models")
    assert stage.calls[0].key == KEY
    stage.always(Script(failure=Failure(401)), key=KEY)
    with pytest.raises(ProviderKeyInvalid):
        await wire.verify(at(stage, vendor))


async def test_a_vendor_without_a_free_check_says_so(stage: Stage, wire: LiteLLMWire) -> None:
    target = Target("bedrock", "litellm", "claude", "", Secret(KEY), "bedrock")
    with pytest.raises(ProviderRefused, match="no free way"):
        await wire.verify(target)


async def test_embeddings_come_in_order_and_without_a_made_up_usage(
    stage: Stage, wire: LiteLLMWire
) -> None:
    target = replace(at(stage, "google"), model="gemini-embedding-001")
    params = {"dimensions": 64, "encoding_format": "base64"}
    answer = await wire.embed(target, ["서울의 날씨", "東京の天気"], params)
    assert [len(row["embedding"]) for row in answer["data"]] == [64, 64]
    assert answer["data"][0]["embedding"] != answer["data"][1]["embedding"]
    assert "usage" not in answer


def test_importing_the_wire_does_not_import_litellm() -> None:
    check = "import sys, providers.wires.litellm; sys.exit('litellm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


FIRST_CALLS = """
import asyncio, sys
from providers.types import ChatRequest, Target
from providers.wires.litellm import LiteLLMWire
from rini.secrets.secret import Secret

async def main():
    wire = LiteLLMWire()
    target = Target(
        "anthropic", "litellm", "claude-sonnet-4-5", sys.argv[1], Secret("sk-x"), "anthropic"
    )
    request = ChatRequest([{"role": "user", "content": "안녕"}])
    answers = await asyncio.gather(*(wire.complete(target, request) for _ in range(3)))
    print(sum(bool(answer["choices"]) for answer in answers))
    await wire.close()

asyncio.run(main())
"""


def test_calls_that_come_while_litellm_is_being_loaded_wait_for_it(stage: Stage) -> None:
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", FIRST_CALLS, stage.anthropic_url], capture_output=True, text=True
    )
    assert done.stdout == "3\n", done.stderr
    assert len(stage.calls) == 3
