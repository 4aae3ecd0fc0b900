"""Anthropic's official client: Claude as it is, and models of other vendors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import anthropic
import httpx
import pytest

from billing.models import Hold, UsageRecord
from tests.billing.ledger_world import budget
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually
from tests.dialects.openai_client import ledger_row
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

CLAUDE = "claude-sonnet-4-5"
GPT, GEMINI = "openai/gpt-4o-mini", "google/gemini-2.5-flash"
EACH = pytest.mark.parametrize("model", [CLAUDE, GPT, GEMINI])
OTHERS = pytest.mark.parametrize("model", [GPT, GEMINI])
PIECES = ["비가 ", "와요. ", "傘を", "お持ちください ☔\u2028끝"]
ASK: list[Any] = [{"role": "user", "content": "오늘 날씨 어때?"}]
WEATHER: Any = {
    "name": "weather",
    "description": "도시의 날씨",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALLS = [
    ToolCall("toolu_1", "weather", '{"city": "서울"}'),
    ToolCall("toolu_2", "weather", '{"city": "東京"}'),
]


@pytest.fixture
def claude(alice: User) -> Iterator[anthropic.Anthropic]:
    """Alice's client; she has keys for every played vendor. In the end no hold is left."""
    add_keys(alice)
    with anthropic.Anthropic(
        base_url=str(alice.base_url), api_key=alice.token, max_retries=0, timeout=30
    ) as client:
        yield client
    eventually(lambda: not Hold.objects.exists())


@EACH
def test_it_answers(claude: anthropic.Anthropic, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9, cached=4)))
    answer = claude.messages.create(model=model, max_tokens=100, messages=ASK, system="짧게 답해.")
    assert [block.type for block in answer.content] == ["text"]
    assert answer.content[0].text == "".join(PIECES)  # type: ignore[union-attr]
    assert answer.stop_reason == "end_turn"
    usage = answer.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (17, 4, 9)
    assert "짧게 답해." in json.dumps(stage.wait_for_call().body, ensure_ascii=False)
    row = ledger_row()
    assert (row.input_tokens, row.cached_input_tokens, row.output_tokens) == (21, 4, 9)
    assert row.usage_source == "vendor"
    assert row.cost_nano


@EACH
def test_it_streams(claude: anthropic.Anthropic, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    with claude.messages.stream(model=model, max_tokens=100, messages=ASK) as stream:
        assert "".join(stream.text_stream) == "".join(PIECES)
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 9
    row = ledger_row()
    assert (row.input_tokens, row.output_tokens, row.usage_source) == (21, 9, "vendor")


@EACH
def test_parallel_tool_calls_and_their_results_go_there_and_back(
    claude: anthropic.Anthropic, stage: Stage, model: str
) -> None:
    stage.next(Script(pieces=["볼게요."], tool_calls=CALLS, finish="tool_calls"))
    stage.next(Script(pieces=PIECES))
    with claude.messages.stream(
        model=model, max_tokens=100, messages=ASK, tools=[WEATHER], tool_choice={"type": "any"}
    ) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "tool_use"
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [
        ("weather", {"city": "서울"}),
        ("weather", {"city": "東京"}),
    ]
    results: list[Any] = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"{i}도"}
        for i, call in enumerate(calls)
    ]
    turn: Any = {"role": "assistant", "content": message.content}
    answer = claude.messages.create(
        model=model,
        max_tokens=100,
        messages=[*ASK, turn, {"role": "user", "content": results}],
        tools=[WEATHER],
    )
    assert answer.content
    body = json.dumps(stage.wait_for_call(2).body, ensure_ascii=False)
    assert body.index("서울") < body.index("東京") < body.index("0도") < body.index("1도")


@EACH
def test_a_whole_answer_has_its_tool_calls(
    claude: anthropic.Anthropic, stage: Stage, model: str
) -> None:
    stage.next(Script(pieces=[], tool_calls=CALLS, finish="tool_calls"))
    answer = claude.messages.create(model=model, max_tokens=9, messages=ASK, tools=[WEATHER])
    inputs = [block.input for block in answer.content if block.type == "tool_use"]
    assert inputs == [{"city": "서울"}, {"city": "東京"}]
    assert answer.stop_reason == "tool_use"


def test_claude_gets_what_was_said_as_it_was(claude: anthropic.Anthropic, stage: Stage) -> None:
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    system: Any = [{"type": "text", "text": "짧게.", "cache_control": {"type": "ephemeral"}}]
    claude.messages.create(
        model=CLAUDE,
        max_tokens=2048,
        messages=ASK,
        system=system,
        thinking=thinking,
        stop_sequences=["끝"],
        metadata={"user_id": "u-1"},
        extra_headers={"anthropic-beta": "something-2026-01-01"},
        extra_body={"a_field_of_tomorrow": {"x": [1, None]}},
    )
    call = stage.wait_for_call()
    assert call.headers["anthropic-beta"] == "something-2026-01-01"
    assert call.key != claude.api_key
    assert call.body == {
        "model": CLAUDE,
        "max_tokens": 2048,
        "messages": ASK,
        "system": system,
        "thinking": thinking,
        "stop_sequences": ["끝"],
        "metadata": {"user_id": "u-1"},
        "a_field_of_tomorrow": {"x": [1, None]},
    }


def test_claudes_thoughts_come_with_their_signatures(
    claude: anthropic.Anthropic, stage: Stage
) -> None:
    stage.next(Script(pieces=["답"], reasoning=["생각 ", "중"]))
    with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=ASK) as stream:
        thought, _text = stream.get_final_message().content
    assert thought.type == "thinking"
    assert (thought.thinking, thought.signature) == ("생각 중", "EqQBCgIYAh==")


def test_another_vendors_thoughts_are_shown_and_not_sent_to_claude(
    claude: anthropic.Anthropic, stage: Stage
) -> None:
    stage.next(Script(pieces=["답"], reasoning=["생각 ", "중"]), Script())
    with claude.messages.stream(model=GPT, max_tokens=100, messages=ASK) as stream:
        content = stream.get_final_message().content
    assert [block.type for block in content] == ["thinking", "text"]
    turns: Any = [*ASK, {"role": "assistant", "content": content}, *ASK]
    claude.messages.create(model=CLAUDE, max_tokens=100, messages=turns)
    assert "생각" not in json.dumps(stage.wait_for_call(2).body, ensure_ascii=False)


def test_what_gemini_wants_back_with_its_calls_comes_back(
    claude: anthropic.Anthropic, stage: Stage
) -> None:
    part = {
        "functionCall": {"name": "weather", "args": {"city": "서울"}},
        "thoughtSignature": "c2lnbmF0dXJl",
    }
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    raw = b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\n\n"
    stage.next(Script(raw=raw, content_type="text/event-stream"), Script())
    with claude.messages.stream(
        model=GEMINI, max_tokens=100, messages=ASK, tools=[WEATHER]
    ) as stream:
        content = stream.get_final_message().content
    [call] = [block for block in content if block.type == "tool_use"]
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "맑음"}
    turns: Any = [*ASK, {"role": "assistant", "content": content}]
    claude.messages.create(
        model=GEMINI,
        max_tokens=100,
        messages=[*turns, {"role": "user", "content": [result]}],
        tools=[WEATHER],
    )
    assert "c2lnbmF0dXJl" in json.dumps(stage.wait_for_call(2).body)


@OTHERS
def test_pictures_in_questions_and_results_reach_other_vendors(
    claude: anthropic.Anthropic, stage: Stage, model: str
) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    picture = {"type": "image", "source": source}
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "서울"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [picture]}
    turns: Any = [
        {"role": "user", "content": [picture, {"type": "text", "text": "?"}]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    claude.messages.create(model=model, max_tokens=9, messages=turns, tools=[WEATHER])
    body = json.dumps(stage.wait_for_call().body)
    assert body.count("iVBORw0KGgo=") == 2


@OTHERS
@pytest.mark.parametrize(
    "field",
    [
        {"mcp_servers": [{"type": "url", "url": "https://a.test", "name": "a"}]},
        {"a_field_of_tomorrow": 1},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use"}]}]},
    ],
)
def test_what_another_vendor_cannot_take_is_refused_by_name(
    claude: anthropic.Anthropic, stage: Stage, model: str, field: dict[str, Any]
) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        claude.post(
            "/v1/messages",
            body={"model": model, "max_tokens": 9, "messages": ASK, **field},
            cast_to=object,
        )
    assert next(iter(field)) in str(refused.value)
    assert stage.calls == []


@EACH
def test_paid_tools_are_refused(claude: anthropic.Anthropic, stage: Stage, model: str) -> None:
    tool: Any = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError, match="tools"):
        claude.messages.create(model=model, max_tokens=9, messages=ASK, tools=[tool])
    assert stage.calls == []


@EACH
@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, anthropic.RateLimitError), (500, anthropic.InternalServerError)],
)
def test_a_vendors_failure_has_anthropics_shape(
    claude: anthropic.Anthropic, stage: Stage, model: str, status: int, kind: type[Exception]
) -> None:
    stage.next(Script(failure=Failure(status)))
    with pytest.raises(kind) as failed:
        claude.messages.create(model=model, max_tokens=9, messages=ASK)
    body: Any = failed.value.body  # type: ignore[attr-defined]
    assert body["type"] == "error"
    assert body["error"]["message"]
    assert body["request_id"]


@EACH
def test_a_stream_that_is_cut_ends_with_an_error(
    claude: anthropic.Anthropic, stage: Stage, model: str
) -> None:
    stage.next(Script(pieces=PIECES, cut=Cut(after_pieces=2)))
    with (
        pytest.raises((anthropic.APIStatusError, httpx.HTTPError), match="broke off"),
        claude.messages.stream(model=model, max_tokens=9, messages=ASK) as stream,
    ):
        stream.until_done()
    row = eventually(UsageRecord.objects.first)
    assert row.status == "incomplete"
    assert row.output_tokens


@EACH
def test_a_hard_budget_refuses_before_the_vendor_is_asked(
    claude: anthropic.Anthropic, alice: User, stage: Stage, model: str
) -> None:
    budget("user", UUID(alice.user_id), 1)
    with pytest.raises(anthropic.APIStatusError) as refused:
        claude.messages.create(model=model, max_tokens=9, messages=ASK)
    assert refused.value.status_code == 402
    assert refused.value.body["error"]["type"] == "billing_error"  # type: ignore[index]
    assert stage.calls == []


@EACH
def test_a_reader_that_leaves_ends_the_vendors_answer(
    claude: anthropic.Anthropic, stage: Stage, model: str
) -> None:
    stage.next(Script(pieces=PIECES * 50, delay=0.05))
    with claude.messages.stream(model=model, max_tokens=9, messages=ASK) as stream:
        next(iter(stream.text_stream))
    assert stage.wait_for_call().wait_closed(10)
    row = eventually(UsageRecord.objects.first)
    assert row.status == "stopped"


@pytest.mark.parametrize("header", ["x-api-key", "Authorization"])
def test_a_wrong_token_is_refused_in_anthropics_shape(alice: User, header: str) -> None:
    value = {"x-api-key": "sk-ant-x", "Authorization": "Bearer sk-ant-x"}[header]
    answer = httpx.post(
        alice.base_url.join("/v1/messages"),
        headers={header: value},
        json={"model": CLAUDE, "max_tokens": 9, "messages": ASK},
    )
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": ["?"]}, "messages.0"),
        ({"model": 5}, "model"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_an_invalid_field_is_named(alice: User, change: dict[str, Any], field: str) -> None:
    body = {"model": CLAUDE, "max_tokens": 9, "messages": ASK, **change}
    answer = alice.post("/v1/messages", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"].startswith(field)


def test_an_unknown_model_is_not_found(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="nobody/nothing", max_tokens=9, messages=ASK)


@OTHERS
def test_tokens_are_counted_without_a_call(
    claude: anthropic.Anthropic, stage: Stage, model: str
) -> None:
    short = claude.messages.count_tokens(model=model, messages=ASK).input_tokens
    long = claude.messages.count_tokens(model=model, messages=ASK, tools=[WEATHER]).input_tokens
    assert 0 < short < long
    assert stage.calls == []


def test_claude_counts_its_tokens_itself(claude: anthropic.Anthropic, stage: Stage) -> None:
    stage.next(Script(raw=b'{"input_tokens": 42}', content_type="application/json"))
    assert claude.messages.count_tokens(model=CLAUDE, messages=ASK).input_tokens == 42
    assert stage.wait_for_call().path.endswith("v1/messages/count_tokens")
    assert not UsageRecord.objects.exists()


def test_models_are_listed_in_the_shape_of_who_asks(
    claude: anthropic.Anthropic, alice: User
) -> None:
    listed = claude.models.list()
    assert "anthropic/claude-sonnet-4-5" in {model.id for model in listed.data}
    assert alice.get("/v1/models").json()["object"] == "list"
