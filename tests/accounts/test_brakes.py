"""Brakes on guessing and on opening accounts, and whose word on an address counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
import redis
from django.conf import settings

from accounts.models import SecurityEvent
from accounts.models import User as Account
from tests.rini_server import RiniServer

PASSWORD = "비밀번호 七色の虹 9"
HER_PLACE, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def _forgotten_registrations() -> Iterator[None]:
    yield
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        if keys := valkey.keys("rini:registrations:*"):
            valkey.delete(*keys)


@pytest.fixture(scope="module")
def braked(start_server: Callable[..., RiniServer]) -> RiniServer:
    """Behind a proxy, which is this test, and with a brake on registrations."""
    return start_server(REGISTRATIONS_PER_HOUR="3", TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8")


@pytest.fixture(scope="module")
def unproxied(start_server: Callable[..., RiniServer]) -> RiniServer:
    return start_server(REGISTRATIONS_PER_HOUR="3", TRUSTED_PROXIES="10.1.2.3")


def via(*chain: str) -> dict[str, str]:
    return {"X-Forwarded-For": ", ".join(chain)}


def log_in(server: RiniServer, name: str, password: str, *chain: str) -> int:
    body = {"username": name, "password": password}
    return httpx.post(f"{server.url}/auth/token", json=body, headers=via(*chain)).status_code


def sign_up(
    server: RiniServer, address: str, name: str = "", path: str = "/users/"
) -> httpx.Response:
    body = {"username": name, "password": PASSWORD} if name else {}
    return httpx.post(f"{server.url}{path}", json=body, headers=via(address))


def test_a_strangers_guesses_do_not_lock_the_owner_out_of_her_place(
    braked: RiniServer, database: None
) -> None:
    assert sign_up(braked, HER_PLACE, "ana").status_code == 201
    guesses = [log_in(braked, "ANA", "guess", f"203.0.113.{n // 9}") for n in range(110)]
    assert (guesses.count(401), guesses.count(429)) == (100, 10)
    assert log_in(braked, "ana", PASSWORD, ELSEWHERE) == 429
    assert log_in(braked, "ana", PASSWORD, HER_PLACE) == 200
    locks = SecurityEvent.objects.filter(event="authn_login_lock")
    assert {row.user_id for row in locks} == {Account.objects.get().pk}


def test_a_hundred_wrong_passwords_lock_out_nobody_else(braked: RiniServer, database: None) -> None:
    """As behind a proxy that nobody has named: everybody comes from one address."""
    Account.objects.create_user("op", PASSWORD, is_staff=True)
    statuses = [log_in(braked, f"누구{n // 9}", "guess", ELSEWHERE) for n in range(150)]
    assert set(statuses) == {401}
    assert log_in(braked, "op", PASSWORD, ELSEWHERE) == 200


@pytest.mark.parametrize("spelling", ["STRASSE", "straße", "Straße", "İO", "ıo"])
def test_names_are_folded_as_the_database_folds_them(
    braked: RiniServer, database: None, spelling: str
) -> None:
    Account.objects.create_user("straße", PASSWORD)
    Account.objects.create_user("strasse", PASSWORD)
    known = Account.objects.filter(username__in=["straße", "strasse"])
    for _ in range(10):
        log_in(braked, spelling, "guess", ELSEWHERE)
    open_to = [log_in(braked, user.username or "", PASSWORD, ELSEWHERE) for user in known]
    hit = spelling.lower() in {"straße", "strasse"}
    assert sorted(open_to) == ([200, 429] if hit else [200, 200])


def test_new_accounts_are_counted_by_address_in_every_dialect(
    braked: RiniServer, database: None
) -> None:
    paths = ("/users/", "/api/users/register", "/users/", "/api/users/register", "/users/")
    answers = [sign_up(braked, ELSEWHERE, f"n{n}", path) for n, path in enumerate(paths)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert all(0 < int(answer.headers["retry-after"]) <= 3600 for answer in answers[3:])
    assert sign_up(braked, HER_PLACE).status_code == 201
    assert Account.objects.count() == 4


def test_addresses_of_one_ipv6_network_are_one(braked: RiniServer, database: None) -> None:
    statuses = [sign_up(braked, f"2001:db8:1:2::{n:x}").status_code for n in range(1, 6)]
    assert statuses == [201, 201, 201, 429, 429]
    assert sign_up(braked, "2001:db8:1:3::1").status_code == 201


def test_what_a_caller_says_before_the_proxy_does_not_count(
    braked: RiniServer, database: None
) -> None:
    statuses = [
        httpx.post(f"{braked.url}/users/", headers=via(f"192.0.2.{n}", ELSEWHERE, "10.0.0.5"))
        for n in range(5)
    ]
    assert [answer.status_code for answer in statuses] == [201, 201, 201, 429, 429]
    assert SecurityEvent.objects.filter(event="user_created", address=ELSEWHERE).count() == 3


def test_who_is_no_proxy_is_not_believed(unproxied: RiniServer, database: None) -> None:
    statuses = [sign_up(unproxied, f"192.0.2.{n}").status_code for n in range(5)]
    assert statuses == [201, 201, 201, 429, 429]
    assert set(SecurityEvent.objects.values_list("address", flat=True)) == {"127.0.0.1"}
