"""Servers that are closed to newcomers, or that have lost Valkey or the database."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.conftest import User as Client
from tests.rini_server import RiniServer, free_port

PASSWORD = "비밀번호 七色の虹 9"


@pytest.fixture(scope="module")
def lonely_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    """A server with closed registration and without Valkey."""
    return start_server(OPEN_REGISTRATION="false", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")


def test_closed_registration_is_forbidden(lonely_server: RiniServer, database: None) -> None:
    answer = httpx.post(f"{lonely_server.url}/users/")
    assert answer.status_code == 403
    assert "operator" in answer.json()["detail"]


def test_without_valkey_nobody_logs_in_but_tokens_keep_working(
    lonely_server: RiniServer, alice: Client
) -> None:
    alice.patch("/users/me", json={"username": "ana", "password": PASSWORD})
    for password in (PASSWORD, "wrong"):
        body = {"username": "ana", "password": password}
        answer = httpx.post(f"{lonely_server.url}/auth/token", json=body)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert httpx.get(f"{lonely_server.url}/users/me", headers=alice.headers).status_code == 200


def test_without_the_database_no_token_is_called_wrong(
    start_server: Callable[..., RiniServer], alice: Client
) -> None:
    url = f"postgres://rini:rini@127.0.0.1:{free_port()}/rini"
    server = start_server(DATABASE_URL=url, DATABASE_POOL_SIZE="0")  # a pool would wait first
    secret = alice.post("/tokens/", json={"name": "노트북"}).json()["token"]
    for token in (alice.token, secret):
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{server.url}/users/me", headers=headers, timeout=30)
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
        assert int(answer.headers["retry-after"]) > 0
    server.kill()
