"""What operators do in the administration, as a browser does it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from billing.models import Budget, Price
from conversations.models import Generation
from providers.models import Provider
from tests.admin_browser import AdminBrowser
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually
from tests.price_table import unlocked
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

BUDGET = {"limit_nano": "5", "period": "month", "timezone": "Asia/Seoul", "hard": "on"}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def browser(olga: User, server: RiniServer) -> Iterator[AdminBrowser]:
    with contextlib.closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as browser:
        yield browser


@pytest.mark.parametrize("called", ["혜진", "HYEJIN@example.com", "id"])
def test_a_budget_is_given_to_a_user_by_name_address_or_id(
    browser: AdminBrowser, new_user: Any, called: str
) -> None:
    user = new_user(username="혜진", email="hyejin@example.com", password="긴 암호 하나 둘 13579")
    subject = user.user_id if called == "id" else called
    answer = browser.submit(
        "billing/budget/add/", {**BUDGET, "scope": "user", "subject_id": subject}
    )
    assert answer.status_code == 302, answer.text
    assert str(Budget.objects.get().subject_id) == user.user_id
    link = f'/admin/accounts/user/{user.user_id}/change/">혜진'
    assert link in browser.get("billing/budget/").text


@pytest.mark.parametrize(
    ("scope", "subject"),
    [("user", "아무도"), ("user", NOBODY), ("token", NOBODY), ("token", "x")],
)
def test_a_budget_for_nobody_is_refused(browser: AdminBrowser, scope: str, subject: str) -> None:
    answer = browser.submit(
        "billing/budget/add/", {**BUDGET, "scope": scope, "subject_id": subject}
    )
    assert answer.status_code == 200
    assert "errorlist" in answer.text
    assert not Budget.objects.exists()


@pytest.mark.parametrize("address", ["not a url", "ftp://x.test", "https://", "example.com/v1"])
def test_a_providers_address_must_be_one(browser: AdminBrowser, address: str) -> None:
    path = "providers/provider/zhipu/change/"
    fields = {"name": "Zhipu", "wire": "openai", "enabled": "on", "base_url": address}
    answer = browser.submit(path, fields)
    assert answer.status_code == 200
    assert "errorlist" in answer.text
    assert Provider.objects.get(pk="zhipu").base_url == ""


def test_a_price_is_for_a_provider_that_there_is(browser: AdminBrowser) -> None:
    fields = {
        "provider": "opnai",
        "model": "gpt-x",
        "effective_from_0": "2026-01-01",
        "effective_from_1": "00:00",
        "above_input_tokens": "0",
        "input_rate": "1",
        "output_rate": "2",
    }
    answer = browser.submit("billing/price/add/", fields)
    assert answer.status_code == 200
    assert "openai" in answer.text
    assert not Price.objects.filter(provider="opnai").exists()
    added = browser.submit("billing/price/add/", {**fields, "provider": "openai"})
    assert added.status_code == 302
    with unlocked():
        Price.objects.get(provider="openai", model="gpt-x").delete()


@pytest.mark.parametrize(
    "path",
    ["conversations/session/", "conversations/generation/", "billing/usagerecord/"],
)
def test_users_stand_in_lists_by_their_names(
    browser: AdminBrowser, new_user: Any, stage: Stage, path: str
) -> None:
    user = new_user(username="혜진", password="긴 암호 하나 둘 13579")
    session = user.post("/sessions/", json={}).json()["id"]
    body = {"text": "안녕", "provider": "demo", "model": "demo", "session_id": session}
    user.post("/llm/text-completion/", json=body).raise_for_status()
    assert f'/admin/accounts/user/{user.user_id}/change/">혜진</a>' in browser.get(path).text


def test_a_provider_is_tested_from_its_list(browser: AdminBrowser) -> None:
    for slug, said in (("local", "answers."), ("deepseek", "does not answer.")):
        fields = {"action": "ask", "_selected_action": [slug]}
        browser.submit("providers/provider/", fields)
        assert said in browser.get("providers/provider/").text


def test_an_operator_stops_a_running_answer(
    browser: AdminBrowser, alice: User, stage: Stage
) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["말 "] * 200, delay=0.05))
    session = alice.post("/sessions/", json={}).json()["id"]
    body = {"text": "길게", "provider": "openai", "model": "gpt-4o-mini"}
    begun = alice.post(f"/sessions/{session}/generations/", json=body).json()
    call = stage.wait_for_call()
    fields = {"action": "stop", "_selected_action": [begun["id"]]}
    browser.submit("conversations/generation/", fields)
    assert call.wait_closed(10)
    eventually(lambda: Generation.objects.get().status == "stopped")


@pytest.mark.parametrize(
    "path",
    [
        *("accounts/user/", "accounts/apitoken/", "accounts/securityevent/", "accounts/login/"),
        *("billing/budget/", "billing/price/", "billing/usagerecord/", "billing/hold/"),
        *("providers/provider/", "providers/model/", "providers/apikey/"),
        *("conversations/session/", "conversations/message/", "conversations/generation/"),
        *("conversations/sessionimport/", "rini/process/", "rini/periodictask/"),
    ],
)
def test_every_list_opens(browser: AdminBrowser, alice: User, path: str) -> None:
    alice.post("/sessions/", json={"alias": "하나"})
    assert browser.get(path).status_code == 200
