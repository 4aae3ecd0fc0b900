"""Whatever a vendor does wrong has a name, an end and a row in the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from billing.models import Hold, UsageRecord
from conversations.models import Generation, Message
from tests.conftest import User
from tests.conversations.conftest import MODELS, add_keys, eventually
from tests.conversations.reading import events_of, text_of
from tests.rini_server import RiniServer, free_port
from tests.vendors import anthropic
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

ADDRESS = "/llm/text-completion/"
TOO_LONG = {"error": {"code": "context_length_exceeded", "message": "128000 tokens at most"}}
FILTERED = {"error": {"code": "content_filter", "message": "The prompt was filtered."}}
HTML = b"<!doctype html><title>Welcome to nginx!</title>"
FAILURES: dict[str, tuple[Script, int, str]] = {
    "401": (Script(failure=Failure(401)), 400, "provider_key_invalid"),
    "403": (Script(failure=Failure(403)), 400, "provider_key_invalid"),
    "404 model": (Script(failure=Failure(404)), 400, "model_not_found"),
    "400": (Script(failure=Failure(400)), 400, "provider_refused"),
    "429": (
        Script(failure=Failure(429, headers={"Retry-After": "17"})),
        429,
        "provider_rate_limited",
    ),
    "too long": (Script(failure=Failure(400, TOO_LONG)), 400, "context_too_long"),
    "refused": (Script(failure=Failure(400, FILTERED)), 400, "content_refused"),
    "500": (Script(failure=Failure(500)), 502, "provider_failed"),
    "529": (Script(failure=Failure(529)), 503, "provider_unavailable"),
    "HTML": (Script(raw=HTML, content_type="text/html"), 502, "provider_failed"),
    "HTML 502": (Script(failure=Failure(502, HTML)), 502, "provider_failed"),
    "garbage": (Script(raw=b"\x00\xff{{{"), 502, "provider_failed"),
    "nothing": (Script(raw=b""), 502, "provider_failed"),
}
each_failure = pytest.mark.parametrize("name", list(FAILURES))
each_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(user: User, provider: str, **more: Any) -> httpx.Response:
    body = {"text": "질문", "provider": provider, "model": MODELS.get(provider, "m"), **more}
    return user.post(ADDRESS, json=body)


def failure_of(answer: httpx.Response, stream: bool) -> dict[str, Any]:
    """The problem that an answer tells, whichever way it came."""
    if stream:
        last = events_of(answer)[-1]
        assert last.type == "generation.failed"
        problem: dict[str, Any] = last.data["problem"]
    else:
        problem = answer.json()
        assert answer.status_code == problem["status"]
        assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def the_row() -> UsageRecord:
    """The one row of the ledger; no hold is left."""
    eventually(lambda: not Hold.objects.exists())
    return UsageRecord.objects.get()


@each_failure
@each_way
def test_a_failure_in_a_session_is_told_and_written_down(
    alice: User, session: str, stage: Stage, name: str, stream: bool
) -> None:
    script, status, code = FAILURES[name]
    stage.next(script)
    answer = ask(alice, "local", session_id=session, stream=stream)
    problem = failure_of(answer, stream)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    if name == "429" and not stream:
        assert answer.headers["retry-after"] == "17"
    row = the_row()
    assert (row.status, row.input_tokens, row.output_tokens) == ("failed", 0, 0)
    listed = alice.get(f"/sessions/{session}/messages/").json()
    assert [m["status"] for m in listed] == ["complete", "failed"]
    generation = Generation.objects.get()
    assert generation.status == "failed"
    assert alice.get(f"/generations/{generation.id}").json()["problem"] == problem


@each_way
@pytest.mark.parametrize("name", ["401", "429", "500", "garbage"])
def test_a_failure_without_a_session_is_told_the_same(
    alice: User, stage: Stage, name: str, stream: bool
) -> None:
    script, status, code = FAILURES[name]
    stage.next(script)
    problem = failure_of(ask(alice, "local", stream=stream), stream)
    assert (problem["status"], problem["code"]) == (status, code)
    assert the_row().status == "failed"
    assert not Message.objects.exists()


@each_way
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
@pytest.mark.parametrize("name", ["401", "429", "500"])
def test_each_vendors_failure_keeps_its_meaning_and_no_secret(
    alice: User, session: str, stage: Stage, provider: str, name: str, stream: bool
) -> None:
    add_keys(alice)
    script, status, code = FAILURES[name]
    stage.next(script)
    answer = ask(alice, provider, session_id=session, stream=stream)
    problem = failure_of(answer, stream)
    assert (problem["status"], problem["code"]) == (status, code)
    assert "sk-alice" not in answer.text
    assert the_row().status == "failed"


@each_way
def test_a_conversation_goes_on_after_a_failure(
    alice: User, session: str, stage: Stage, stream: bool
) -> None:
    stage.next(Script(failure=Failure(500)))
    ask(alice, "local", session_id=session)
    answer = ask(alice, "local", text="다시", session_id=session, stream=stream)
    text = text_of(events_of(answer)) if stream else answer.json()["response_text"]
    assert text == "다시"
    turns = [(m["role"], m["content"]) for m in stage.wait_for_call(2).body["messages"]]
    assert turns == [("user", "질문"), ("user", "다시")]


@each_way
def test_an_error_in_the_middle_keeps_the_text_before_it(
    alice: User, session: str, stage: Stage, stream: bool
) -> None:
    error = {"type": "server_error", "message": "broke"}
    stage.next(Script(pieces=["여기", "까지"], error_midway=error))
    problem = failure_of(ask(alice, "local", session_id=session, stream=stream), stream)
    assert problem["code"] == "provider_failed"
    answer = alice.get(f"/sessions/{session}/messages/").json()[-1]
    assert (answer["status"], answer["content"]) == ("failed", "여기까지")
    row = the_row()
    assert (row.status, row.usage_source) == ("failed", "estimated")
    assert row.output_tokens


@pytest.fixture(scope="module")
def impatient(start_server: Callable[..., RiniServer]) -> Iterator[RiniServer]:
    """A server that gives a silent vendor up soon, and whose OpenAI is not there."""
    dead = f"http://127.0.0.1:{free_port()}/v1"
    server = start_server(PROVIDER_READ_TIMEOUT="0.3", OPENAI_BASE_URL=dead)
    yield server
    server.kill()


@each_way
def test_vendors_that_hang_or_are_not_there_are_given_up(
    alice: User, session: str, stage: Stage, impatient: RiniServer, stream: bool
) -> None:
    add_keys(alice)
    silent = Script(pieces=["하나", "둘"], delay=5)
    cases = (
        ("openai", None, 503, "provider_unavailable"),
        ("local", Script(hangs=True), 504, "provider_timeout"),
        ("anthropic", Script(hangs=True), 504, "provider_timeout"),
        ("local", silent, 504, "provider_timeout"),
    )
    for provider, script, status, code in cases:
        if script:
            stage.next(script)
        body = {
            "text": "질문",
            "provider": provider,
            "model": MODELS.get(provider, "m"),
            "session_id": session,
            "stream": stream,
        }
        answer = alice.post(f"{impatient.url}{ADDRESS}", json=body)
        problem = failure_of(answer, stream)
        assert (problem["status"], problem["code"]) == (status, code), (provider, script)
    eventually(lambda: not Hold.objects.exists())
    assert [row.status for row in UsageRecord.objects.all()] == ["failed"] * len(cases)


@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_an_answer_that_was_cut_off_is_incomplete_with_its_text(
    alice: User, session: str, stage: Stage, provider: str, how: Any
) -> None:
    add_keys(alice)
    stage.next(
        Script(pieces=["하나 ", "둘 ", "셋 ", "넷"], cut=Cut(after_pieces=2, how=how), delay=0.02)
    )
    events = events_of(ask(alice, provider, session_id=session, stream=True))
    assert events[-1].type == "generation.incomplete"
    assert text_of(events) == events[-1].data["message"]["content"] == "하나 둘 "
    answer = alice.get(f"/sessions/{session}/messages/").json()[-1]
    assert (answer["status"], answer["content"]) == ("incomplete", "하나 둘 ")
    row = the_row()
    assert row.status == "incomplete"
    assert row.output_tokens
    assert row.message_id == answer["id"]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_cut_off_answer_that_nobody_streams_is_incomplete_too(
    alice: User, session: str, stage: Stage, provider: str
) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["하나 ", "둘 "], cut=Cut(after_pieces=1, how="eof")))
    answer = ask(alice, provider, session_id=session)
    assert answer.status_code == 200
    message = answer.json()["assistant_message"]
    assert (message["status"], message["content"]) == ("incomplete", "하나 ")


NONSENSE = (
    b'data: {"model": "' + b"x" * 300 + b'", "choices": [{"index": 0, "delta": {"content": "A"}}]}',
    b'data: {"model": "\\u0000", "choices": [{"index": 0, "delta": {"content": "A"}}]}',
    b'data: {"choices": [{"index": 0, "delta": {"content": "A\\u0000"}}]}',
    b'data: {"usage": {"prompt_tokens": 1e300, "completion_tokens": 9999999999999},'
    b' "choices": [{"index": 0, "delta": {"content": "A"}}]}',
    b'data: {"choices": [{"index": 0, "delta": {"content": "A", "tool_calls": '
    b'[{"index": 0, "id": "\\u0000", "function": {"name": "\\u0000", "arguments": "\\u0000"}}]}}]}',
)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_of_a_vendor_is_stored_as_far_as_it_makes_sense(
    alice: User, session: str, stage: Stage, nonsense: bytes
) -> None:
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    stage.next(Script(raw=b"\n\n".join([nonsense, end, b"data: [DONE]", b""])))
    events = events_of(ask(alice, "local", session_id=session, stream=True))
    assert events[-1].type == "generation.completed"
    assert events[-1].data["message"]["content"].startswith("A")
    assert the_row().status == "completed"


@each_way
def test_half_a_surrogate_pair_of_a_vendor_breaks_nothing(
    alice: User, session: str, stage: Stage, stream: bool
) -> None:
    add_keys(alice)
    played = Script(pieces=["A", "@", "B"])
    events = b"".join(part.data for part in anthropic.stream(played, {}))
    whole = json.dumps(anthropic.answer(played, {})).encode()
    for more in ({"session_id": session}, {}):
        raw = events if stream or more else whole
        stage.next(Script(raw=raw.replace(b"@", rb"\ud83d")))
        answer = ask(alice, "anthropic", stream=stream, **more)
        assert answer.status_code == 200, answer.text
        text = text_of(events_of(answer)) if stream else answer.json()["response_text"]
        assert text == "A\N{REPLACEMENT CHARACTER}B"


def test_a_tool_call_is_streamed_and_no_text(alice: User, session: str, stage: Stage) -> None:
    call = ToolCall("call_1", "날씨", '{"city": "서울"}')
    stage.next(Script(pieces=[], tool_calls=[call], finish="tool_calls", usage=Tokens(5, 3)))
    events = events_of(ask(alice, "local", session_id=session, stream=True))
    arguments = "".join(e.data["arguments"] for e in events if e.type == "tool.delta")
    assert arguments == call.arguments
    assert events[-1].type == "generation.completed"
