"""Vendors that a new installation knows, and that wait for a key."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import orjson
import pytest

from billing.models import UsageRecord
from tests.conftest import User
from tests.dialects.openai_client import ASK
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

OF_OPENAIS_FORMAT = {
    "azure": "우리-배포",
    "cohere": "command-a-03-2025",
    "xai": "grok-4.5",
    "together": "meta-llama/Llama-4-Scout-17B-16E-Instruct",
    "fireworks": "accounts/fireworks/models/deepseek-v3p2",
    "perplexity": "r1-1776",
}
ALL = (*OF_OPENAIS_FORMAT, "bedrock", "vertex")
CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "안녕하세요"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
    "metrics": {"latencyMs": 1},
}


@pytest.fixture(scope="module")
def with_keys(start_server: Callable[..., RiniServer], stage_server: Stage) -> RiniServer:
    """An operator's keys and addresses for all of them."""
    keys = {f"{slug.upper()}_API_KEY": f"sk-of-{slug}-012345" for slug in ALL}
    addresses = {f"{slug.upper()}_BASE_URL": stage_server.openai_url for slug in ALL}
    addresses["VERTEX_BASE_URL"] = stage_server.google_url
    return start_server(**keys, **addresses)


@pytest.fixture
def asker(alice: User, with_keys: RiniServer) -> User:
    alice.base_url = httpx.URL(with_keys.url)
    return alice


def ask(user: User, model: str) -> httpx.Response:
    return user.post("/v1/chat/completions", json={"model": model, "messages": ASK})


@pytest.mark.parametrize("slug", OF_OPENAIS_FORMAT)
def test_those_of_openai_s_format_are_asked_in_it(asker: User, stage: Stage, slug: str) -> None:
    stage.next(Script(pieces=["你好"]))
    answer = ask(asker, f"{slug}/{OF_OPENAIS_FORMAT[slug]}")
    assert answer.status_code == 200, answer.text
    [call] = stage.calls
    assert (call.model, call.key) == (OF_OPENAIS_FORMAT[slug], f"sk-of-{slug}-012345")
    assert UsageRecord.objects.get().provider == slug


def test_vertex_speaks_as_gemini_does(asker: User, stage: Stage) -> None:
    answer = ask(asker, "vertex/gemini-2.5-flash")
    assert answer.status_code == 200, answer.text
    [call] = stage.calls
    assert call.path.endswith("models/gemini-2.5-flash:generateContent")
    assert call.key == "sk-of-vertex-012345"
    assert UsageRecord.objects.get().cost_nano


def test_bedrock_is_asked_with_its_api_key(asker: User, stage: Stage) -> None:
    stage.next(Script(raw=orjson.dumps(CONVERSE)))
    answer = ask(asker, "bedrock/amazon.nova-lite-v1:0")
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "안녕하세요"
    [call] = stage.calls
    assert call.path.endswith("/model/amazon.nova-lite-v1:0/converse")
    assert call.headers["authorization"] == "Bearer sk-of-bedrock-012345"
    row = UsageRecord.objects.get()
    assert (row.input_tokens, row.output_tokens) == (3, 2)
    assert row.cost_nano


def test_perplexity_s_searches_are_refused(asker: User, stage: Stage) -> None:
    assert ask(asker, "perplexity/sonar-pro").json()["error"]["param"] == "model"
    assert stage.calls == []


@pytest.mark.parametrize("slug", ALL)
def test_without_a_key_they_are_not_there(alice: User, stage: Stage, slug: str) -> None:
    listed = {row["provider"] for row in alice.get("/llm/models").json()}
    assert slug not in listed
    answer = ask(alice, f"{slug}/{OF_OPENAIS_FORMAT.get(slug, 'any')}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "provider_key_missing")
    assert stage.calls == []


@pytest.mark.parametrize("slug", ["cohere", "perplexity", "bedrock", "vertex"])
def test_a_key_that_only_a_call_could_check_is_not_called_good(
    asker: User, stage: Stage, slug: str
) -> None:
    body = {"model_provider": slug, "api_key_value": "sk-alice-0123456789"}
    key = asker.post("/api-keys/", json=body).json()["id"]
    told = asker.post(f"/api-keys/{key}/verify").json()
    assert told["valid"] is False
    assert slug in told["reason"]
    assert stage.calls == []
