"""Models that the catalogue does not know, at vendors that it knows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest
from django.conf import settings

from billing.models import UsageRecord
from tests.billing.ledger_world import budget, check_sums
from tests.conftest import User
from tests.conversations.conftest import add_keys, new_session
from tests.dialects.openai_client import ASK
from tests.vendors.stage import Stage

TUNED = "ft:gpt-4o-mini-2024-07-18:우리::9abc"
NEW = {
    f"openai/{TUNED}": ("openai", TUNED),
    TUNED: ("openai", TUNED),
    "gpt-9-nano": ("openai", "gpt-9-nano"),
    "anthropic/claude-sonnet-9": ("anthropic", "claude-sonnet-9"),
    "claude-sonnet-9": ("anthropic", "claude-sonnet-9"),
    "gemini-9-flash": ("google", "gemini-9-flash"),
}


def ask(user: User, model: str, **more: Any) -> httpx.Response:
    body = {"model": model, "messages": ASK, **more}
    return user.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize("name", NEW)
def test_it_is_passed_on_to_the_vendor_that_its_name_says(
    alice: User, stage: Stage, name: str
) -> None:
    add_keys(alice)
    answer = ask(alice, name)
    assert answer.status_code == 200, answer.text
    [call] = stage.calls
    provider, model = NEW[name]
    assert (call.vendor, call.model) == (provider, model)
    row = UsageRecord.objects.get()
    assert (row.provider, row.model, row.cost_nano) == (provider, model, None)
    assert row.charged_nano > 0
    assert "x-rini-cost" not in answer.headers
    check_sums()


def test_a_session_may_have_it(alice: User, stage: Stage) -> None:
    add_keys(alice)
    session = new_session(alice, model=f"openai/{TUNED}")
    answer = alice.post("/llm/text-completion/", json={"text": "你好", "session_id": session})
    assert answer.status_code == 200, answer.text
    assert stage.calls[0].model == TUNED


def test_it_is_asked_for_no_more_than_is_held_and_a_budget_holds(alice: User, stage: Stage) -> None:
    add_keys(alice)
    most = settings.UNKNOWN_OUTPUT_TOKENS * settings.UNKNOWN_PRICE_OUTPUT_RATE // 10**6
    row = budget("user", UUID(alice.user_id), most // 2)
    assert ask(alice, TUNED).status_code == 402
    assert stage.calls == []
    row.limit_nano = 2 * most
    row.save()
    assert ask(alice, TUNED).status_code == 200
    assert stage.calls[0].body["max_completion_tokens"] == settings.UNKNOWN_OUTPUT_TOKENS


@pytest.mark.parametrize("name", NEW)
def test_without_a_key_a_name_that_nobody_knows_is_told_as_such(
    alice: User, stage: Stage, name: str
) -> None:
    answer = ask(alice, name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert stage.calls == []


def test_a_token_has_to_be_for_it(alice: User, stage: Stage) -> None:
    add_keys(alice)
    made = alice.post("/tokens/", json={"name": "하나", "allowed_models": ["openai/gpt-4o-mini"]})
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    body = {"model": TUNED, "messages": ASK}
    assert alice.post("/v1/chat/completions", json=body, headers=headers).status_code == 403
    assert stage.calls == []


def test_it_is_not_in_the_list_of_models(alice: User) -> None:
    add_keys(alice)
    assert alice.get(f"/v1/models/openai/{TUNED}").status_code == 404


@pytest.mark.parametrize("model", ["openai/gpt-9-search-api", "openai/o9-deep-research"])
def test_one_that_buys_searches_is_refused(alice: User, stage: Stage, model: str) -> None:
    add_keys(alice)
    answer = ask(alice, model)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
    assert stage.calls == []
