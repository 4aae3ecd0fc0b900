"""What happens to accounts is logged, a line and a row each, without a secret and without end."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts import security_log
from accounts.models import EventName, SecurityEvent
from accounts.models import User as Account
from accounts.tasks import trim_security_log
from tests.conftest import User
from tests.rini_server import RiniServer

PASSWORD = "비밀번호 七色の虹 9"
PROVIDER_KEY = "sk-alice-0123456789abcdef"


def lines(server: RiniServer, since: int) -> list[dict[str, Any]]:
    found = (json.loads(line) for line in server.log[since:].splitlines() if '"security"' in line)
    return [line for line in found if line["logger"] == "security"]


def test_every_act_is_a_line_and_a_row_without_a_secret(
    server: RiniServer, client: httpx.Client
) -> None:
    began = len(server.log)
    body = {"username": "유나", "password": PASSWORD}
    made = client.post("/users/", json=body).json()
    client.post("/auth/token", json={**body, "password": "틀린 암호 1"})
    secrets = [PASSWORD, "틀린 암호 1", made["access_token"], made["refresh_token"]]
    client.headers["Authorization"] = f"Bearer {made['access_token']}"
    proof = {"current_password": PASSWORD}
    token = client.post("/tokens/", json={"name": "노트북", **proof}).json()
    client.patch(f"/tokens/{token['id']}", json={"allowed_models": ["demo/*"]})
    rotated = client.post(f"/tokens/{token['id']}/rotate", json=proof).json()
    secrets += [token["token"], rotated["token"], PROVIDER_KEY]
    by_token = {"Authorization": f"Bearer {rotated['token']}"}
    client.post("/tokens/", json={"name": "더"}, headers=by_token)
    body = {"text": "?", "model": "local/played"}
    client.post("/llm/text-completion/", json=body, headers=by_token)
    client.delete(f"/tokens/{token['id']}")
    key = client.post(
        "/api-keys/", json={"model_provider": "openai", "api_key_value": PROVIDER_KEY}
    ).json()
    client.delete(f"/api-keys/{key['id']}")
    client.patch("/users/me", json={"email": "yuna@example.org", **proof})
    client.patch("/users/me", json={"email": None, "current_password": "wrong"})
    client.post("/auth/logout", json={"refresh_token": made["refresh_token"]})
    told = [line["event"] for line in lines(server, began)]
    expected = [
        *("user_created", "authn_login_success", "authn_login_fail", "authn_token_created"),
        *("authn_token_changed", "authn_token_rotated", "authz_fail", "authz_fail"),
        *("authn_token_delete", "provider_key_created", "provider_key_deleted", "user_updated"),
        *("authn_password_change_fail", "authn_login_ended"),
    ]
    assert told == expected
    rows = SecurityEvent.objects.order_by("id")
    assert sum(row.count for row in rows) == len(expected)
    user_id = Account.objects.get().pk
    assert {row.user_id for row in rows} == {user_id}
    assert {row.address for row in rows} == {"127.0.0.1"}
    assert all(row.request_id for row in rows)
    refused = rows.get(event="authz_fail")
    assert (str(refused.token_id), refused.count) == (token["id"], 2)
    written = server.log[began:] + str([vars(row) for row in rows])
    assert not [secret for secret in secrets if secret in written]


def test_wrong_passwords_are_one_row_an_hour_for_each_account_and_place(
    client: httpx.Client, database: None
) -> None:
    client.post("/users/", json={"username": "유나", "password": PASSWORD})
    for name in ("유나", "nobody", "유나", "somebody", "유나"):
        client.post("/auth/token", json={"username": name, "password": "guess"})
    rows = SecurityEvent.objects.filter(event="authn_login_fail")
    assert sorted((row.user_id is None, row.count) for row in rows) == [(False, 3), (True, 2)]


def test_nobody_fills_the_disk(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_log, "MOST_AN_HOUR", 20)
    for number in range(60):
        security_log.record(EventName.LOGIN_FAILED, address=f"2001:db8::{number:x}")
    rows = SecurityEvent.objects.filter(event="authn_login_fail")
    assert rows.count() <= 22
    assert sum(row.count for row in rows) == 60
    assert rows.get(details={"more": True}).count >= 38


def test_the_log_is_kept_as_long_as_the_operator_says(alice: User) -> None:
    old = timezone.now() - timedelta(days=366)
    SecurityEvent.objects.update(at=old, last_at=old)
    alice.post("/tokens/", json={"name": "새것"})
    assert trim_security_log() == 2
    assert SecurityEvent.objects.get().event == "authn_token_created"


def test_what_is_rolled_back_is_not_told(client: httpx.Client, database: None) -> None:
    client.post("/users/", json={"username": "유나", "password": PASSWORD})
    client.post("/users/", json={"username": "유나", "password": PASSWORD})
    assert SecurityEvent.objects.filter(event="user_created").count() == 1
