from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from providers import token_counts
from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.dialects.openai_client import ASK, GPT, alices, client_of, ledger_row
from tests.rini_server import RiniServer
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

__all__ = ["alices"]
PIECES = ["비가 ", "와요. ", "傘を", "お持ちください ☔"]


def frames(user: User, **body: Any) -> list[str]:
    """The frames of a raw answer."""
    answer = user.post(
        "/v1/chat/completions", json={"model": "local/m", "messages": ASK, "stream": True, **body}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    *whole, rest = answer.text.split("\n\n")
    assert rest == ""
    return whole


def chunks(user: User, **body: Any) -> list[dict[str, Any]]:
    *data, done = frames(user, **body)
    assert done == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in data]


def test_an_answer_is_streamed(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    raw = alices.chat.completions.with_raw_response.create(model=GPT, messages=ASK, stream=True)
    assert float(raw.headers["x-rini-overhead-ms"]) > 0
    came = list(raw.parse())
    texts = [chunk.choices[0].delta.content or "" for chunk in came]
    assert [text for text in texts if text] == PIECES
    assert came[-1].choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in came} == {"gpt-4o-mini"}
    row = ledger_row()
    assert (row.purpose, row.status, row.usage_source) == ("chat", "completed", "vendor")
    assert (row.input_tokens, row.output_tokens) == (21, 9)
    assert row.time_to_first_token_ms is not None
    assert raw.headers["x-request-id"] == row.request_id


def test_usage_is_for_those_who_ask_and_always_asked_of_the_vendor(
    alice: User, stage: Stage
) -> None:
    without = chunks(alice)
    assert stage.wait_for_call().body["stream_options"] == {"include_usage": True}
    assert not any("usage" in chunk for chunk in without)
    assert all(chunk["choices"] for chunk in without)
    *others, last = chunks(alice, stream_options={"include_usage": True})
    assert all(chunk["choices"] and chunk["usage"] is None for chunk in others)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 7
    assert last["model"] == "m"


def test_other_stream_options_go_along(alice: User, stage: Stage) -> None:
    chunks(alice, stream_options={"include_obfuscation": False})
    sent = stage.wait_for_call().body["stream_options"]
    assert sent == {"include_obfuscation": False, "include_usage": True}


def test_every_field_of_a_chunk_comes_back(alice: User, stage: Stage) -> None:
    delta = {"content": "네", "brand_new": {"値": [None]}}
    logprobs = {"content": [{"token": "네", "logprob": -0.5}]}
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}
    sent = [
        {"id": "1", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"id": "1", "choices": [choice], "obfuscation": "abc"},
        {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    raw = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in sent) + "data: [DONE]\n\n"
    stage.next(Script(raw=raw.encode()))
    assert chunks(alice) == sent


def test_usage_beside_a_choice_comes_once_and_last(alice: User, stage: Stage) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    piece = {"index": 0, "delta": {"content": "네"}, "finish_reason": None}
    sent = [
        {"id": "1", "choices": [piece], "usage": {"prompt_tokens": 5, "completion_tokens": 1}},
        {"id": "1", "choices": [{**piece, "finish_reason": "stop"}], "usage": usage},
    ]
    raw = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in sent) + "data: [DONE]\n\n"
    stage.next(Script(raw=raw.encode()))
    first, second, last = chunks(alice, stream_options={"include_usage": True})
    assert "usage" not in first | second
    assert last == {"id": "1", "choices": [], "usage": usage}


def test_tool_calls_are_streamed_side_by_side(alices: openai.OpenAI, stage: Stage) -> None:
    calls = [
        ToolCall("a", "weather", '{"city": "서울"}'),
        ToolCall("b", "time", '{"zone": "東京"}'),
    ]
    stage.next(Script(pieces=[], tool_calls=calls, finish="tool_calls"))
    with alices.chat.completions.stream(model=GPT, messages=ASK) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls is not None
    told = [(c.id, c.function.name, c.function.arguments) for c in message.tool_calls]
    assert told == [(c.id, c.name, c.arguments) for c in calls]


def test_several_choices_are_streamed_and_all_counted(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(pieces=["세상아 안녕"], usage=None))
    texts = ["", "", ""]
    for chunk in alices.chat.completions.create(model=GPT, messages=ASK, n=3, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == ["세상아 안녕"] * 3
    row = ledger_row()
    assert (row.usage_source, row.output_tokens) == (
        "estimated",
        token_counts.count("세상아 안녕" * 3),
    )


def test_a_failure_before_the_first_piece_has_its_own_status(
    alices: openai.OpenAI, stage: Stage
) -> None:
    stage.next(Script(failure=Failure(429, headers={"Retry-After": "7"})))
    with pytest.raises(openai.RateLimitError) as caught:
        alices.chat.completions.create(model=GPT, messages=ASK, stream=True)
    assert caught.value.response.headers["retry-after"] == "7"
    assert ledger_row().status == "failed"


def test_an_error_in_the_middle_is_an_event_in_the_place_of_the_end(
    alices: openai.OpenAI, stage: Stage
) -> None:
    told = {"message": "Overloaded", "type": "server_error", "code": None}
    stage.next(Script(pieces=PIECES, error_midway=told))
    stream = alices.chat.completions.create(model=GPT, messages=ASK, stream=True)
    opening, *pieces = (next(stream) for _ in range(1 + len(PIECES)))
    assert opening.choices[0].delta.role == "assistant"
    assert [piece.choices[0].delta.content for piece in pieces] == PIECES
    with pytest.raises(openai.APIError) as caught:
        next(stream)
    assert "Overloaded" in caught.value.message
    assert caught.value.type == "server_error"
    assert ledger_row().status == "failed"


@pytest.mark.parametrize("how", ["eof", "broken", "reset"])
def test_a_stream_that_is_cut_off_does_not_pass_for_whole(
    alice: User, stage: Stage, how: Any
) -> None:
    stage.next(Script(pieces=PIECES, cut=Cut(after_pieces=2, how=how)))
    *_, last = frames(alice)
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "incomplete")
    row = ledger_row()
    assert (row.status, row.usage_source) == ("incomplete", "estimated")


def test_a_vendor_that_thinks_long_is_waited_for_in_the_open_stream(
    new_user: Callable[..., User], start_server: Callable[..., RiniServer], stage: Stage
) -> None:
    server = start_server(STREAM_KEEPALIVE_SECONDS="0.1")
    alice = new_user()
    add_keys(alice)
    stage.next(Script(pieces=PIECES, delay=1))
    body = {"model": GPT, "messages": ASK, "stream": True}
    url = f"{server.url}/v1/chat/completions"
    answer = httpx.post(url, json=body, headers=alice.headers, timeout=30)
    assert answer.status_code == 200
    first, *_, last = answer.text.split("\n\n")[:-1]
    assert ":" in first
    assert last == "data: [DONE]"
    stage.next(Script(hangs=True))
    with client_of(alice).with_options(base_url=f"{server.url}/v1", timeout=2) as client:
        stream = client.chat.completions.create(model=GPT, messages=ASK, stream=True)
        stage.wait_for_call(2)
        stream.close()
    assert stage.calls[1].wait_closed(5)
