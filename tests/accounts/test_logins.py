from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import httpx
import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import refresh
from accounts.models import Login, RefreshToken, SecurityEvent, User
from accounts.tasks import forget_refresh_tokens
from rini.errors import NotAuthenticated

PASSWORD = "비밀번호 七色の虹 9"


@pytest.fixture
def refresh_token(client: httpx.Client) -> str:
    """The first refresh token of the new account 영희."""
    made = client.post("/users/", json={"username": "영희", "password": PASSWORD})
    return str(made.json()["refresh_token"])


def renew(client: httpx.Client, token: str) -> httpx.Response:
    return client.post("/auth/refresh", json={"refresh_token": token})


def test_a_login_gives_a_pair_that_works(client: httpx.Client, refresh_token: str) -> None:
    answer = client.post("/auth/token", json={"username": "영희", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "refresh_token", "token_type"}
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert client.get("/users/me", headers=headers).json()["username"] == "영희"


def test_an_old_token_in_the_header_does_not_hinder_a_login(
    client: httpx.Client, refresh_token: str
) -> None:
    old = {"Authorization": "Bearer rini-old"}
    body = {"username": "영희", "password": PASSWORD}
    assert client.post("/auth/token", json=body, headers=old).status_code == 200
    body = {"refresh_token": refresh_token}
    assert client.post("/auth/refresh", json=body, headers=old).status_code == 200


def test_wrong_passwords_and_unknown_names_are_told_the_same(
    client: httpx.Client, refresh_token: str, alice: httpx.Client
) -> None:
    problems = []
    for name in ("영희", "nobody", str(User.objects.get(username=None).pk)):
        answer = client.post("/auth/token", json={"username": name, "password": "wrong"})
        assert answer.status_code == 401
        problems.append(answer.json()["detail"])
    assert len(set(problems)) == 1


@pytest.mark.parametrize("body", [{}, {"username": "영희"}, {"password": "x"}, [], {"username": 1}])
def test_a_login_without_name_or_password_is_bad_input(client: httpx.Client, body: object) -> None:
    assert client.post("/auth/token", json=body).status_code == 400


def test_a_deactivated_account_cannot_log_in_or_renew(
    client: httpx.Client, refresh_token: str
) -> None:
    User.objects.update(is_active=False)
    answer = client.post("/auth/token", json={"username": "영희", "password": PASSWORD})
    assert answer.status_code == 401
    assert "deactivated" in answer.json()["detail"]
    assert renew(client, refresh_token).status_code == 401


def test_guessing_at_once_gets_no_further_than_one_by_one(
    client: httpx.Client, refresh_token: str
) -> None:
    start = Barrier(20)

    def guess(number: int) -> httpx.Response:
        start.wait()
        return client.post("/auth/token", json={"username": "영희", "password": f"guess {number}"})

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(guess, range(20)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 10
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 300
    right = client.post("/auth/token", json={"username": "영희", "password": PASSWORD})
    assert right.status_code == 429


def test_right_passwords_are_not_counted_as_guesses(
    client: httpx.Client, refresh_token: str
) -> None:
    body = {"username": "영희", "password": PASSWORD}
    assert {client.post("/auth/token", json=body).status_code for _ in range(12)} == {200}


def test_a_refresh_token_gives_the_next_pair(client: httpx.Client, refresh_token: str) -> None:
    for _ in range(3):
        answer = renew(client, refresh_token)
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != refresh_token
        refresh_token = answer.json()["refresh_token"]
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert client.get("/users/me", headers=headers).status_code == 200


def test_of_ten_refreshes_at_once_one_wins_and_the_others_are_no_replay(
    client: httpx.Client, refresh_token: str
) -> None:
    start = Barrier(10)

    def race(_: int) -> httpx.Response:
        start.wait()
        return renew(client, refresh_token)

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(race, range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    loser = next(answer for answer in answers if answer.status_code == 409)
    assert loser.json()["code"] == "refresh_token_just_used"
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    assert works(client, winner["access_token"])
    assert renew(client, winner["refresh_token"]).status_code == 200


def works(client: httpx.Client, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return client.get("/users/me", headers=headers).status_code == 200


def test_a_replay_ends_the_login_up_to_its_newest_tokens_and_no_other(
    client: httpx.Client, refresh_token: str
) -> None:
    login = client.post("/auth/token", json={"username": "영희", "password": PASSWORD})
    second = renew(client, refresh_token).json()["refresh_token"]
    third = renew(client, second).json()
    assert renew(client, refresh_token).status_code == 401
    assert renew(client, third["refresh_token"]).status_code == 401
    assert not works(client, third["access_token"])
    assert renew(client, login.json()["refresh_token"]).status_code == 200


def test_a_second_use_some_seconds_later_is_a_replay(
    client: httpx.Client, refresh_token: str
) -> None:
    second = renew(client, refresh_token).json()
    long_ago = timezone.now() - refresh.GRACE
    RefreshToken.objects.exclude(consumed_at=None).update(consumed_at=long_ago)
    assert renew(client, refresh_token).status_code == 401
    assert renew(client, second["refresh_token"]).status_code == 401
    assert not works(client, second["access_token"])
    event = SecurityEvent.objects.get(event="authn_token_reuse")
    assert event.user_id == User.objects.get().pk


def test_no_link_escapes_a_replay_beside_its_making(
    client: httpx.Client, refresh_token: str
) -> None:
    newest = renew(client, refresh_token).json()["refresh_token"]
    RefreshToken.objects.exclude(consumed_at=None).update(
        consumed_at=timezone.now() - refresh.GRACE
    )
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            refresh.rotate(newest)  # the next link exists, and nobody can see it yet
            replay = thread.submit(renew, client, refresh_token)
            wait_until_somebody_waits_for_a_lock()
        assert replay.result().status_code == 401
    assert not RefreshToken.objects.filter(revoked_at=None).exists()


def wait_until_somebody_waits_for_a_lock() -> None:
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def test_a_login_with_the_old_password_does_not_outlive_its_change(
    client: httpx.Client, refresh_token: str
) -> None:
    verified = User.objects.get()
    User.objects.update(password="changed since")
    with pytest.raises(NotAuthenticated, match="has been changed"):
        refresh.begin(verified)
    assert RefreshToken.objects.count() == 1


def test_logging_out_ends_this_login_and_no_other(client: httpx.Client, refresh_token: str) -> None:
    login = client.post("/auth/token", json={"username": "영희", "password": PASSWORD}).json()
    second = renew(client, refresh_token).json()
    assert works(client, second["access_token"])
    answer = client.post("/auth/logout", json={"refresh_token": refresh_token})
    assert answer.status_code == 204
    assert answer.content == b""
    assert not works(client, second["access_token"])
    assert renew(client, second["refresh_token"]).status_code == 401
    assert renew(client, login["refresh_token"]).status_code == 200
    assert works(client, login["access_token"])


@pytest.mark.parametrize("address", ["/auth/refresh", "/auth/logout"])
def test_an_unknown_refresh_token_is_refused(client: httpx.Client, address: str) -> None:
    for token in ("nothing", "비밀"):
        answer = client.post(address, json={"refresh_token": token})
        assert answer.status_code == 401
        assert "/auth/token" in answer.json()["detail"]
    assert client.post(address, json={}).json()["errors"].keys() == {"refresh_token"}


def test_an_expired_refresh_token_is_refused_and_forgotten(
    client: httpx.Client, refresh_token: str
) -> None:
    expiring = RefreshToken.objects.get()
    newer = client.post("/auth/token", json={"username": "영희", "password": PASSWORD}).json()
    RefreshToken.objects.filter(pk=expiring.pk).update(expires_at=timezone.now())
    assert renew(client, refresh_token).status_code == 401
    assert forget_refresh_tokens() == 1
    assert renew(client, newer["refresh_token"]).status_code == 200


def test_refresh_tokens_last_thirty_days_and_only_their_digest_is_kept(refresh_token: str) -> None:
    link = RefreshToken.objects.get()
    assert bytes(link.digest) == hashlib.sha256(refresh_token.encode()).digest()
    assert timedelta(days=29) < link.expires_at - timezone.now() < timedelta(days=30)
    assert isinstance(link.family, UUID)
    assert refresh_token not in str(vars(link))


def test_logins_are_listed_and_ended_one_by_one(client: httpx.Client, refresh_token: str) -> None:
    body = {"username": "영희", "password": PASSWORD}
    told = {b"User-Agent": "영희의 전화 / 1".encode()}
    one, other = (client.post("/auth/token", json=body, headers=told).json() for _ in range(2))
    mine = {"Authorization": f"Bearer {one['access_token']}"}
    listed = client.get("/auth/logins/", headers=mine).json()
    assert [login["current"] for login in listed] == [False, True, False]
    assert listed[0]["address"] == "127.0.0.1"
    assert listed[0].keys() == {
        *("id", "address", "agent", "created_at", "last_used_at", "expires_at", "current")
    }
    ended = client.delete(f"/auth/logins/{listed[0]['id']}", headers=mine)
    assert ended.status_code == 204
    assert not works(client, other["access_token"])
    assert renew(client, other["refresh_token"]).status_code == 401
    assert works(client, one["access_token"])
    assert client.delete(f"/auth/logins/{listed[0]['id']}", headers=mine).status_code == 404


def test_all_other_logins_end_at_once(client: httpx.Client, refresh_token: str) -> None:
    body = {"username": "영희", "password": PASSWORD}
    one = client.post("/auth/token", json=body).json()
    headers = {"Authorization": f"Bearer {one['access_token']}"}
    assert client.delete("/auth/logins/", headers=headers).json() == {"ended": 1}
    assert renew(client, refresh_token).status_code == 401
    assert len(client.get("/auth/logins/", headers=headers).json()) == 1


def test_somebody_elses_login_is_not_there(
    client: httpx.Client, refresh_token: str, alice: httpx.Client
) -> None:
    theirs = Login.objects.get(user__username="영희")
    assert alice.delete(f"/auth/logins/{theirs.pk}").status_code == 404
    assert len(alice.get("/auth/logins/").json()) == 1
    assert renew(client, refresh_token).status_code == 200
