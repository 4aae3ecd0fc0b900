from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from providers import token_counts
from rini.money import dollars
from tests.conftest import User
from tests.conversations.conftest import PROVIDER_KEY, add_keys
from tests.dialects.openai_client import ASK, GPT, alices, client_of, ledger_row
from tests.vendors.script import Script, Tokens, ToolCall
from tests.vendors.stage import Stage

__all__ = ["alices"]
PIECES = ["비가 ", "와요. ", "傘を", "お持ちください ☔"]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "도시의 날씨",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def test_an_answer_comes_with_its_usage_and_its_price(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9, cached=4)))
    raw = alices.chat.completions.with_raw_response.create(model=GPT, messages=ASK)
    answer = raw.parse()
    assert answer.choices[0].message.content == "".join(PIECES)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-4o-mini"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (21, 9)
    assert stage.wait_for_call().key == PROVIDER_KEY
    row = ledger_row()
    assert (row.purpose, row.status, row.usage_source) == ("chat", "completed", "vendor")
    assert (row.input_tokens, row.cached_input_tokens, row.output_tokens) == (21, 4, 9)
    assert raw.headers["x-rini-cost"] == dollars(row.cost_nano)
    assert raw.headers["x-request-id"] == row.request_id
    assert float(raw.headers["x-rini-overhead-ms"]) > 0


def test_the_time_that_the_vendor_took_is_not_rinis(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(delay=2))
    raw = alices.chat.completions.with_raw_response.create(model=GPT, messages=ASK)
    assert float(raw.headers["x-rini-overhead-ms"]) < 2000


def test_an_api_token_opens_it_too(alice: User, stage: Stage) -> None:
    add_keys(alice)
    token = alice.post("/tokens/", json={"name": "앱"}).json()["token"]
    assert token.startswith("rini-")
    with client_of(alice, token) as client:
        answer = client.chat.completions.create(model=GPT, messages=ASK)
    assert answer.choices[0].message.content == "오늘 날씨 어때?"
    assert ledger_row().token_id is not None


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("local/qwen3:8b", "qwen3:8b"),
        ("local/openai/gpt-oss-20b", "openai/gpt-oss-20b"),
    ],
)
def test_a_model_is_named_bare_or_behind_its_provider(
    alices: openai.OpenAI, stage: Stage, name: str, asked: str
) -> None:
    answer = alices.chat.completions.create(model=name, messages=ASK)
    assert stage.wait_for_call().model == asked
    assert answer.model == asked


def test_every_field_goes_to_the_vendor_as_it_was_sent(alices: openai.OpenAI, stage: Stage) -> None:
    fields: dict[str, Any] = {
        "temperature": 0.3,
        "top_p": 0.9,
        "seed": 7,
        "user": "사용자-1",
        "logprobs": True,
        "top_logprobs": 2,
        "stop": ["끝"],
        "logit_bias": {"50256": -100},
        "metadata": {"프로젝트": "라인"},
        "store": False,
        "service_tier": "auto",
        "max_completion_tokens": 20,
    }
    unknown = {"brand_new": {"깊이": [1, None]}, "top_k": 40}
    alices.chat.completions.create(model=GPT, messages=ASK, extra_body=unknown, **fields)
    body = stage.wait_for_call().body
    assert body == {
        **fields,
        **unknown,
        "model": "gpt-4o-mini",
        "messages": ASK,
        "stream": False,
    }


def test_every_field_of_the_answer_comes_back(alices: openai.OpenAI, stage: Stage) -> None:
    logprobs = {"content": [{"token": "네", "logprob": -0.1, "bytes": [1], "top_logprobs": []}]}
    message = {"role": "assistant", "content": "네", "annotations": [], "brand_new": {"a": "値"}}
    sent = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4, "extra": 1},
        "service_tier": "default",
        "brand_new": [1, {"b": None}],
    }
    stage.next(Script(raw=json.dumps(sent).encode()))
    raw = alices.chat.completions.with_raw_response.create(model=GPT, messages=ASK, logprobs=True)
    assert json.loads(raw.text) == sent
    assert ledger_row().model_answered == "gpt-4o-mini-2024-07-18"


def test_several_choices_come_and_are_all_counted(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(pieces=PIECES, usage=None))
    answer = alices.chat.completions.create(model=GPT, messages=ASK, n=3)
    assert [choice.message.content for choice in answer.choices] == ["".join(PIECES)] * 3
    row = ledger_row()
    assert row.usage_source == "estimated"
    assert row.output_tokens == token_counts.count("".join(PIECES) * 3)


def test_tools_are_called_side_by_side_and_answered(alices: openai.OpenAI, stage: Stage) -> None:
    calls = [
        ToolCall("call_1", "weather", '{"city": "서울"}'),
        ToolCall("call_2", "weather", '{"city": "東京"}'),
    ]
    stage.next(Script(pieces=[], tool_calls=calls, finish="tool_calls"), Script(pieces=["맑음"]))
    first = alices.chat.completions.create(
        model=GPT, messages=ASK, tools=[WEATHER], parallel_tool_calls=True, tool_choice="auto"
    )
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    assert [call.id for call in message.tool_calls] == ["call_1", "call_2"]
    results = [{"role": "tool", "tool_call_id": c.id, "content": "맑음"} for c in calls]
    turns: list[Any] = [*ASK, message, *results]
    second = alices.chat.completions.create(model=GPT, messages=turns, tools=[WEATHER])
    assert second.choices[0].message.content == "맑음"
    sent = stage.wait_for_call(2).body
    assert sent["messages"][2:] == results
    assert sent["messages"][1]["tool_calls"][1]["function"]["arguments"] == '{"city": "東京"}'


class Forecast(BaseModel):
    city: str
    degrees: int


def test_an_answer_is_parsed_by_its_schema(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(pieces=['{"city": "首尔", ', '"degrees": 31}']))
    answer = alices.chat.completions.parse(model=GPT, messages=ASK, response_format=Forecast)
    assert answer.choices[0].message.parsed == Forecast(city="首尔", degrees=31)
    asked = stage.wait_for_call().body["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["strict"] is True


def test_pictures_go_along(alices: openai.OpenAI, stage: Stage) -> None:
    url = {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}
    parts = [{"type": "text", "text": "이게 뭐야?"}, {"type": "image_url", "image_url": url}]
    messages: list[Any] = [{"role": "user", "content": parts}]
    alices.chat.completions.create(model=GPT, messages=messages)
    assert stage.wait_for_call().body["messages"] == messages


def test_the_demo_model_answers_without_a_key(alice: User) -> None:
    with client_of(alice) as client:
        answer = client.chat.completions.create(model="demo", messages=ASK)
    assert "오늘 날씨 어때?" in (answer.choices[0].message.content or "")


def test_it_answers_with_a_trailing_slash(alice: User, stage: Stage) -> None:
    body = {"model": "local/m", "messages": ASK}
    answer = alice.post("/v1/chat/completions/", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "오늘 날씨 어때?"


def test_a_request_that_is_sent_twice_with_its_key_is_paid_once(
    alices: openai.OpenAI, stage: Stage
) -> None:
    headers = {"Idempotency-Key": "질문-1".encode().hex()}
    answers = [
        alices.chat.completions.create(model=GPT, messages=ASK, extra_headers=headers)
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(stage.calls) == 1
    assert ledger_row().status == "completed"
