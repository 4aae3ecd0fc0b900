"""What a request demands of a vendor is in its hold, or it is refused by name."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from billing.models import Hold
from tests.billing.ledger_world import budget, check_sums
from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.dialects.openai_client import ASK, CLAUDE, GEMINI, GPT
from tests.vendors.stage import Stage

A_TENTH_OF_A_CENT = 10**6
A_DOLLAR = 10**9
LONG = "길고 긴 이야기는 끝나지 않는다. " * 6_000
ENCODED = base64.b64encode(LONG.encode()).decode()
SCHEMA = {"type": "object", "properties": {"x": {"type": "string", "description": LONG}}}


def user(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


WHERE_TEXT_CAN_STAND: dict[str, dict[str, Any]] = {
    "content": {"messages": [{"role": "user", "content": LONG}]},
    "part": {"messages": user({"type": "text", "text": LONG})},
    "marked as a picture": {"messages": user({"type": "text", "text": f"data:image/png,{LONG}"})},
    "content as an object": {"messages": [{"role": "user", "content": {"text": LONG}}]},
    "name": {"messages": [{"role": "user", "content": "?", "name": LONG}]},
    "refusal": {"messages": [*ASK, {"role": "assistant", "refusal": LONG}, *ASK]},
    "a place of files in a message": {"messages": [{**ASK[0], "url": LONG}]},
    "unknown field of a message": {"messages": [{**ASK[0], "further": [{"x": LONG}]}]},
    "arguments": {
        "messages": [
            *ASK,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": LONG}}
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "x"},
        ]
    },
    "function_call": {
        "messages": [
            *ASK,
            {"role": "assistant", "function_call": {"name": "f", "arguments": LONG}},
            *ASK,
        ]
    },
    "tools": {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]},
    "custom tools": {"tools": [{"type": "custom", "custom": {"name": "f", "description": LONG}}]},
    "functions": {"functions": [{"name": "f", "description": LONG, "parameters": SCHEMA}]},
    "response_format": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    },
    "prediction": {"prediction": {"type": "content", "content": LONG}},
    "unknown parameter": {"something_new": {"text": LONG}},
    "file_data": {
        "messages": user(
            {
                "type": "file",
                "file": {"filename": "a.txt", "file_data": f"data:text/plain;base64,{ENCODED}"},
            }
        )
    },
    "pdf": {
        "messages": user(
            {
                "type": "file",
                "file": {
                    "filename": "a.pdf",
                    "file_data": f"data:application/pdf;base64,{ENCODED}",
                },
            }
        )
    },
    "file elsewhere": {"messages": user({"type": "file", "file": {"file_id": "file-abc"}})},
    "audio": {
        "messages": user({"type": "input_audio", "input_audio": {"data": ENCODED, "format": "mp3"}})
    },
    "video": {"messages": user({"type": "video_url", "video_url": {"url": "https://v.test/a"}})},
    "pictures": {
        "messages": user(*[{"type": "image_url", "image_url": {"url": "https://v.test/a.png"}}] * 3)
    },
}
NUMBERS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of")
NO_NUMBERS = (0, -1, True, False, "8", 1.5, 2**31, [1], {"a": 1})


@pytest.fixture
def poor(alice: User) -> User:
    """Alice with keys, and a hard budget of a tenth of a cent."""
    add_keys(alice)
    for provider in ("openrouter", "deepseek"):
        key = {"model_provider": provider, "api_key_value": "sk-of-a-vendor-1"}
        alice.post("/api-keys/", json=key).raise_for_status()
    budget("user", UUID(alice.user_id), A_TENTH_OF_A_CENT)
    return alice


def ask(who: User, **body: Any) -> Any:
    return who.post("/v1/chat/completions", json={"model": GPT, "messages": ASK, **body})


@pytest.mark.parametrize("place", WHERE_TEXT_CAN_STAND)
def test_text_and_files_are_held_wherever_they_stand(place: str, poor: User, stage: Stage) -> None:
    answer = ask(poor, max_tokens=1, **WHERE_TEXT_CAN_STAND[place])
    assert answer.status_code == 402, answer.text
    assert stage.calls == []
    assert not Hold.objects.exists()


def test_a_prompt_that_fits_by_its_tokens_is_not_refused_for_its_bytes(
    poor: User, stage: Stage
) -> None:
    """12,000 bytes are $0.0018 as tokens; they are 1,500 tokens."""
    answer = ask(poor, max_tokens=1, messages=[{"role": "user", "content": "spaces " * 1_700}])
    assert answer.status_code == 200, answer.text
    check_sums()


@pytest.mark.parametrize(
    "limits",
    [
        {"max_tokens": 1, "max_completion_tokens": 16_000},
        {"max_tokens": 16_000, "max_completion_tokens": 1},
        {"max_tokens": 1, "max_output_tokens": 16_000},
        {"max_tokens": 100, "n": 100},
        {"max_tokens": 100, "n": 1, "best_of": 100},
        {"max_tokens": 100, "n": 1, "num_return_sequences": 100},
        {"n": 2},
        {},
    ],
)
def test_of_all_limits_and_multipliers_the_largest_is_held(
    limits: dict[str, int], poor: User, stage: Stage
) -> None:
    assert ask(poor, **limits).status_code == 402
    assert stage.calls == []


def test_a_limit_that_the_vendor_does_not_know_limits_nothing(poor: User) -> None:
    """DeepSeek reads past ``max_completion_tokens``."""
    answer = ask(poor, model="deepseek/deepseek-chat", max_completion_tokens=1)
    assert answer.status_code == 402, answer.text


def test_a_billed_model_whose_limit_nobody_knows_is_asked_for_no_more_than_is_held(
    alice: User, stage: Stage
) -> None:
    key = {"model_provider": "openrouter", "api_key_value": "sk-of-a-vendor-1"}
    alice.post("/api-keys/", json=key).raise_for_status()
    budget("user", UUID(alice.user_id), A_DOLLAR)
    answer = ask(alice, model="openrouter/somebody/new")
    assert answer.status_code == 200, answer.text
    [call] = stage.calls
    assert call.body["max_tokens"] == settings.UNKNOWN_OUTPUT_TOKENS


def test_a_model_that_costs_nothing_may_write_as_long_as_it_likes(poor: User, stage: Stage) -> None:
    assert ask(poor, model="local/qwen3").status_code == 200
    [call] = stage.calls
    assert not {"max_tokens", "max_completion_tokens"} & call.body.keys()


@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_from_1_on_is_refused_by_name(
    name: str, model: str, poor: User, stage: Stage
) -> None:
    for value in NO_NUMBERS:
        answer = ask(poor, model=model, **{name: value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name), value
        params = {name: value}
        if name != "n":  # there it is no parameter at all
            body = {"model": model, "messages": ASK, "llm_params": params}
            told = poor.post("/llm/chat-completions/", json=body)
            assert (told.status_code, list(told.json()["errors"])) == (400, [name]), value
    assert stage.calls == []


OTHERS: dict[str, Any] = {
    "models": ["openai/o1-pro"],
    "route": "fallback",
    "provider": {"order": ["dear"]},
    "plugins": [{"id": "web"}],
    "transforms": ["middle-out"],
    "extra_body": {"models": ["openai/o1-pro"]},
    "web_search": True,
    "web_search_options": {},
    "search_parameters": {"mode": "on"},
    "enable_search": True,
    "code_execution": {},
    "mcp_servers": [],
    "speed": "fast",
    "inference_geo": "us",
    "compaction": {"type": "auto"},
    "context_management": {"edits": [{"type": "clear_tool_uses"}, {"type": "compact_20260112"}]},
}
PAID_TOOLS: list[Any] = [
    {"type": "web_search"},
    {"type": "web_search_20250305", "name": "web_search"},
    {"type": "code_execution_20250825", "name": "code_execution"},
    {"type": "builtin_function", "function": {"name": "$web_search"}},
    {"type": "mcp", "server_label": "x"},
    {"googleSearch": {}},
    {"codeExecution": {}},
    {"type": "openrouter:web_search"},
]


@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI, "openrouter/openai/gpt-4o-mini"])
def test_what_names_other_models_or_buys_tools_is_refused_by_name(
    model: str, poor: User, stage: Stage
) -> None:
    for name, value in OTHERS.items():
        answer = ask(poor, model=model, **{name: value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name), name
    for tool in PAID_TOOLS:
        answer = ask(poor, model=model, tools=[tool])
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tools[0]"), tool
    assert stage.calls == []


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o-mini:online",
        "openai/gpt-4o-mini:Online:nitro",
        "openai/gpt-4o-search-preview",
        "openai/o4-mini-deep-research",
        "perplexity/sonar-pro",
        "perplexity/r1-1776",
    ],
)
def test_models_that_search_with_every_call_are_refused(
    model: str, poor: User, stage: Stage
) -> None:
    answer = ask(poor, model=f"openrouter/{model}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model"), answer.text
    assert stage.calls == []


@pytest.mark.parametrize(
    ("model", "tier", "status"),
    [
        ("openai/gpt-4.1", "priority", 200),  # has a price
        ("openai/gpt-4.1", "scale", 400),
        (GEMINI, "priority", 400),
        (GEMINI, "flex", 200),  # costs less
        (GEMINI, "auto", 200),
        ("openrouter/openai/gpt-4o", "priority", 400),
        ("local/qwen3", "priority", 200),  # costs nothing
    ],
)
def test_a_service_tier_without_a_price_is_refused(
    model: str, tier: str, status: int, alice: User, stage: Stage
) -> None:
    add_keys(alice)
    key = {"model_provider": "openrouter", "api_key_value": "sk-of-a-vendor-1"}
    alice.post("/api-keys/", json=key).raise_for_status()
    answer = ask(alice, model=model, service_tier=tier)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["error"]["param"] == "service_tier"
        assert stage.calls == []


def test_what_costs_more_is_refused_in_anthropics_format_too(poor: User, stage: Stage) -> None:
    body = {"model": CLAUDE, "messages": ASK, "max_tokens": 1}
    for name in ("speed", "inference_geo", "compaction", "context_management", "mcp_servers"):
        answer = poor.post("/v1/messages", json={**body, name: OTHERS[name]})
        assert answer.status_code == 400, name
        assert name in answer.json()["error"]["message"]
    assert stage.calls == []
    usual = {"speed": "standard", "inference_geo": "global"}
    assert poor.post("/v1/messages", json={**body, **usual}).status_code == 200


def test_a_title_is_held_as_often_as_it_is_sent(poor: User, stage: Stage) -> None:
    """Gemini reads it with every input: here 10 million bytes, $1.50."""
    body = {"model": "google/gemini-embedding-001", "input": ["가"] * 1000, "title": "나" * 3_300}
    answer = poor.post("/v1/embeddings", json=body)
    assert answer.status_code == 402, answer.text
    assert stage.calls == []
