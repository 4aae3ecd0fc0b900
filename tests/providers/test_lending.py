"""Whom the operator's key serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import User as Account
from billing import budgets
from billing.models import Budget
from tests.conftest import User
from tests.rini_server import RiniServer
from tests.vendors.stage import Stage

ASK = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "누가 내나요?"}]}


@pytest.fixture(scope="module")
def limiting(start_server: Callable[..., RiniServer]) -> RiniServer:
    return start_server(OPENAI_API_KEY="sk-operator", LEND_OPERATOR_KEYS="limited")


@pytest.fixture(scope="module")
def keeping(start_server: Callable[..., RiniServer]) -> RiniServer:
    return start_server(OPENAI_API_KEY="sk-operator", LEND_OPERATOR_KEYS="never")


def ask(user: httpx.Client, server: RiniServer, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return user.post(f"{server.url}/v1/chat/completions", json=ASK, headers=headers)


def lists_it(user: httpx.Client, server: RiniServer) -> bool:
    listed = user.get(f"{server.url}/v1/models").json()["data"]
    return "openai/gpt-4o-mini" in {model["id"] for model in listed}


def test_who_has_no_limit_is_told_what_to_do(
    alice: User, limiting: RiniServer, stage: Stage
) -> None:
    answer = ask(alice, limiting)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "operator_key_not_lent")
    for way_out in ("/api-keys/", "budget", "LEND_OPERATOR_KEYS"):
        assert way_out in answer.json()["error"]["message"]
    assert not lists_it(alice, limiting)
    assert not stage.calls


@pytest.mark.parametrize("scope", ["installation", "user"])
def test_a_hard_budget_opens_the_key(
    alice: User, limiting: RiniServer, stage: Stage, scope: str
) -> None:
    subject = alice.user_id if scope == "user" else None
    budget = Budget(scope=scope, subject_id=subject, limit_nano=10**9, period="day", hard=False)
    budgets.put(budget, timezone.now())
    assert ask(alice, limiting).status_code == 403  # it only warns
    budget.hard = True
    budgets.put(budget, timezone.now())
    assert lists_it(alice, limiting)
    assert ask(alice, limiting).status_code == 200


@pytest.mark.parametrize(
    "limit",
    [
        {"budget": {"limit": "1.00", "period": "day"}},
        {"requests_per_minute": 5},
        {"tokens_per_minute": 5000},
    ],
)
def test_nobody_opens_it_with_a_limit_of_a_token_of_their_own(
    alice: User, limiting: RiniServer, stage: Stage, limit: dict[str, Any]
) -> None:
    token = alice.post("/tokens/", json={"name": "제한", **limit}).json()["token"]
    assert ask(alice, limiting, token).status_code == 403
    Account.objects.filter(pk=alice.user_id).update(requests_per_minute=5)
    assert ask(alice, limiting, token).status_code == 200


def test_a_limit_a_minute_opens_the_key(alice: User, limiting: RiniServer, stage: Stage) -> None:
    Account.objects.filter(pk=alice.user_id).update(requests_per_minute=5)
    assert ask(alice, limiting).status_code == 200
    Account.objects.filter(pk=alice.user_id).update(requests_per_minute=0)
    assert ask(alice, limiting).status_code == 403


def test_a_budget_that_is_taken_away_closes_it_again(
    alice: User, limiting: RiniServer, stage: Stage
) -> None:
    budget = Budget(scope="user", subject_id=alice.user_id, limit_nano=10**9, period="day")
    budgets.put(budget, timezone.now())
    assert ask(alice, limiting).status_code == 200
    budgets.remove([budget])
    assert ask(alice, limiting).status_code == 403


def test_a_key_of_ones_own_needs_nothing(alice: User, limiting: RiniServer, stage: Stage) -> None:
    alice.post("/api-keys/", json={"model_provider": "openai", "api_key_value": "sk-alice-123456"})
    assert ask(alice, limiting).status_code == 200


def test_a_key_that_is_not_lent_serves_operators_alone(
    alice: User, olga: User, keeping: RiniServer, stage: Stage
) -> None:
    Account.objects.filter(pk=alice.user_id).update(requests_per_minute=5)
    assert ask(alice, keeping).status_code == 403
    assert ask(olga, keeping).status_code == 200
