"""What changes who owns an account needs its password, whatever token asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from accounts.models import ApiToken, SecurityEvent
from accounts.models import User as Account
from tests.conftest import User

PASSWORD = "비밀번호 七色の虹 9"
ACTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "make a token": ("POST", "/tokens/", {"name": "더"}),
    "rotate a token": ("POST", "/tokens/{token}/rotate", {}),
    "take another name": ("PATCH", "/users/me", {"username": "밥"}),
    "take another address": ("PATCH", "/users/me", {"email": "eve@example.org"}),
    "take another password": ("PATCH", "/users/me", {"password": "새로운 비밀번호 42"}),
    "delete the account": ("DELETE", "/users/me", {}),
}


@pytest.fixture
def ana(new_user: Callable[..., User]) -> User:
    return new_user(username="ana", password=PASSWORD)


@pytest.mark.parametrize("by_api_token", [False, True])
@pytest.mark.parametrize("act", ACTS)
def test_a_token_alone_does_not_take_an_account_over(
    ana: User, client: httpx.Client, act: str, by_api_token: bool
) -> None:
    body = {"name": "노트북", "current_password": PASSWORD}
    token = ana.post("/tokens/", json=body).json()
    method, path, change = ACTS[act]
    path = path.format(token=token["id"])
    secret = token["token"] if by_api_token else ana.token
    headers = {"Authorization": f"Bearer {secret}"}
    for proof, code in (
        ({}, "current_password_required"),
        ({"current_password": None}, "current_password_required"),
        ({"current_password": "wrong"}, "current_password_wrong"),
    ):
        answer = client.request(method, path, json=change | proof, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert answer.json()["errors"].keys() == {"current_password"}
    account = Account.objects.get()
    assert (account.username, account.email, ApiToken.objects.count()) == ("ana", None, 1)
    assert account.check_password(PASSWORD)
    assert SecurityEvent.objects.get(event="authn_password_change_fail").count == 1
    proof = {"current_password": PASSWORD}
    assert client.request(method, path, json=change | proof, headers=headers).is_success


def test_an_account_without_a_password_has_nothing_more_to_prove(alice: User) -> None:
    assert alice.post("/tokens/", json={"name": "노트북"}).status_code == 201
    assert alice.delete("/users/me").status_code == 204
