from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from django.conf import settings
from django.utils import timezone
from starlette.datastructures import Headers

from accounts.authentication import authenticate, authenticate_token, caller_of
from accounts.models import ApiToken, Login, User
from rini.errors import NotAuthenticated
from tests.conftest import User as Client


def signed(user_id: Any, *, algorithm: str = "HS256", key: str = "", **changes: Any) -> str:
    """A token of the user's first login; claims that are None are left out."""
    login = Login.objects.order_by("created_at").filter(user__isnull=False)
    if isinstance(user_id, str) and "-" in user_id:
        login = login.filter(user_id=user_id)
    claims = {
        "token_type": "access",
        "exp": timezone.now() + timedelta(minutes=5),
        "iat": timezone.now(),
        "jti": uuid4().hex,
        "user_id": user_id,
        "iss": "rini",
        "aud": "rini",
        "sid": str(login.values_list("pk", flat=True)[0]),
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key or settings.JWT_SECRET_KEY, algorithm=algorithm)


def ask(client: httpx.Client, authorization: str | bytes) -> httpx.Response:
    return client.get("/users/me", headers={b"Authorization": _bytes(authorization)})


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def test_a_signed_access_token_opens(client: httpx.Client, alice: Client) -> None:
    assert ask(client, f"Bearer {signed(alice.user_id)}").status_code == 200
    assert ask(client, f"bearer   {signed(alice.user_id)}").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "HS384"},
        {"algorithm": "HS512"},
        {"key": "another secret that is long enough to sign"},
        {"token_type": "refresh"},
        {"token_type": None},
        {"iss": "elsewhere"},
        {"iss": None},
        {"exp": None},
        {"jti": None},
        {"iat": None},
        {"aud": None},
        {"aud": "elsewhere"},
        {"sid": None},
        {"sid": "7"},
        {"user_id": None},
        {"user_id": "7"},
        {"user_id": {"pk": 1}},
    ],
)
def test_a_token_that_is_wrong_in_one_thing_is_refused(
    client: httpx.Client, alice: Client, changes: dict[str, Any]
) -> None:
    answer = ask(client, f"Bearer {signed(**{'user_id': alice.user_id, **changes})}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "not a token of Rini" in answer.json()["detail"]


def test_an_unsigned_token_is_refused(client: httpx.Client, alice: Client) -> None:
    payload = signed(alice.user_id).split(".")[1]
    for algorithm in ("none", "None", "nOnE"):
        header = _part({"alg": algorithm, "typ": "JWT"})
        assert ask(client, f"Bearer {header}.{payload}.").status_code == 401


def test_a_tampered_token_is_refused(client: httpx.Client, alice: Client, bob: Client) -> None:
    header, payload, signature = signed(alice.user_id).split(".")
    claims = jwt.decode(f"{header}.{payload}.{signature}", options={"verify_signature": False})
    forged = _part({**claims, "user_id": bob.user_id})
    assert ask(client, f"Bearer {header}.{forged}.{signature}").status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Basic YWxpY2U6cGFzc3dvcmQ=",
        "Token abc",
        "Bearer abc",
        "Bearer a.b.c",
        "Bearer rini-",
        "Bearer rini-" + "A" * 43,
        "Bearer rini-비밀".encode(),
        b"Bearer \xff\xfe",
        b"Bearer " + base64.urlsafe_b64encode(b"[" * 20_000) + b".e30.c2ln",
        b"Bearer " + base64.urlsafe_b64encode(b'{"alg":{},"crit":[7]}') + b".e30.c2ln",
    ],
)
def test_what_is_no_token_is_refused_with_help(
    client: httpx.Client, authorization: str | bytes
) -> None:
    answer = ask(client, authorization)
    assert answer.status_code == 401
    assert answer.json()["detail"]


def test_an_expired_access_token_says_what_to_do(client: httpx.Client, alice: Client) -> None:
    expired = signed(alice.user_id, exp=timezone.now() - timedelta(seconds=1))
    answer = ask(client, f"Bearer {expired}")
    assert answer.status_code == 401
    assert "/auth/refresh" in answer.json()["detail"]


def test_an_access_token_that_has_been_used_expires_all_the_same(
    client: httpx.Client, alice: Client
) -> None:
    token = signed(alice.user_id, exp=timezone.now() + timedelta(seconds=2))
    assert ask(client, f"Bearer {token}").status_code == 200
    time.sleep(2)
    answer = ask(client, f"Bearer {token}")
    assert answer.status_code == 401
    assert "/auth/refresh" in answer.json()["detail"]


def test_a_deactivated_account_is_refused_with_every_token(
    client: httpx.Client, alice: Client
) -> None:
    secret = alice.post("/tokens/", json={"name": "노트북"}).json()["token"]
    User.objects.update(is_active=False)
    for token in (alice.token, secret):
        answer = ask(client, f"Bearer {token}")
        assert answer.status_code == 401
        assert "deactivated" in answer.json()["detail"]


def test_a_deleted_accounts_access_token_is_refused(client: httpx.Client, alice: Client) -> None:
    alice.delete("/users/me")
    answer = ask(client, f"Bearer {alice.token}")
    assert answer.status_code == 401
    assert "does not exist" in answer.json()["detail"]


def test_headers_are_read_whatever_their_case(alice: Client) -> None:
    caller = authenticate(Headers({"authorization": f"Bearer {alice.token}"}))
    assert str(caller.user.pk) == alice.user_id
    assert caller.token is None


def test_an_api_tokens_caller_knows_its_token(alice: Client) -> None:
    made = alice.post("/tokens/", json={"name": "노트북"}).json()
    caller = authenticate_token(made["token"])
    assert caller.token == ApiToken.objects.get()
    assert made["token"] not in repr(caller)


def test_a_lone_surrogate_in_a_websockets_message_is_no_token() -> None:
    with pytest.raises(NotAuthenticated):
        authenticate_token("rini-\ud800")


async def test_async_code_gets_the_same_caller(alice: Client) -> None:
    caller = await caller_of(Headers({"authorization": f"Bearer {alice.token}"}))
    assert str(caller.user.pk) == alice.user_id
    with pytest.raises(NotAuthenticated):
        await caller_of(Headers({}))


def test_access_tokens_last_a_day(alice: Client) -> None:
    claims = jwt.decode(alice.token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 24 * 3600


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
