"""Callers without a token: closed by default, one account where the operator admits them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from accounts.models import User as Account
from billing.models import UsageRecord
from tests.conftest import User
from tests.rini_server import RiniServer
from tests.vendors.stage import Stage

QUESTION = {"message": "안녕"}


@pytest.fixture
def anybody(other_server: RiniServer, database: None) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=other_server.url, timeout=30) as somebody:
        yield somebody


def test_guests_chat_in_sessions_that_expire(anybody: httpx.Client, stage: Stage) -> None:
    session_id = anybody.post("/api/sessions").json()["session_id"]
    answer = anybody.post("/api/chat", json={"session_id": session_id, "message": "안녕"})
    assert answer.json()["content"] == "안녕"


def test_guests_chat_in_one_shot(anybody: httpx.Client, stage: Stage) -> None:
    assert anybody.post("/chat", json=QUESTION).json()["response"] == "안녕"
    stream_id = anybody.post("/chat/stream", json=QUESTION).json()["stream_id"]
    assert '"END"' in anybody.get(f"/chat/stream/{stream_id}").text
    assert anybody.get("/models").status_code == 200


def test_guests_are_one_account_also_when_the_first_come_together(anybody: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: anybody.post("/chat", json=QUESTION), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    guest = Account.objects.get()
    assert (guest.username, guest.has_usable_password()) == ("(guest)", False)
    assert {row.user_id for row in UsageRecord.objects.all()} == {guest.pk}


@pytest.mark.parametrize("path", ["/chat", "/api/sessions"])
@pytest.mark.parametrize("header", ["Bearer rini-wrong", "Bearer x", "Basic x", ""])
def test_a_wrong_token_is_not_a_guests(anybody: httpx.Client, path: str, header: str) -> None:
    answer = anybody.post(path, json=QUESTION, headers={"Authorization": header})
    assert answer.status_code == 401
    assert not Account.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions/"),
        ("GET", "/api/conversations/list"),
        ("POST", "/api/conversations/create"),
        ("GET", "/v1/models"),
        ("POST", "/llm/text-completion/"),
    ],
)
def test_guests_have_no_other_routes(anybody: httpx.Client, method: str, path: str) -> None:
    assert anybody.request(method, path).status_code == 401


def test_nobody_logs_in_as_the_guest_or_takes_its_name(anybody: httpx.Client) -> None:
    anybody.post("/chat", json=QUESTION)
    for password in ("", "!", "아주 긴 암호 2468"):
        body = {"username": "(guest)", "password": password}
        assert anybody.post("/auth/token", json=body).status_code in {400, 401}
        assert anybody.post("/api/users/login", json=body).status_code in {400, 401}
        assert anybody.post("/users/", json=body).status_code == 400


def test_guests_do_not_see_what_users_have_nor_users_what_guests_have(
    anybody: httpx.Client, alice: User
) -> None:
    hers = alice.post("/api/sessions").json()["session_id"]
    guests = anybody.post("/api/sessions").json()["session_id"]
    assert anybody.get(f"/api/sessions/{hers}").status_code == 404
    assert alice.get(f"/api/sessions/{guests}").status_code == 404


def test_a_deactivated_guest_keeps_everybody_out(anybody: httpx.Client) -> None:
    anybody.post("/chat", json=QUESTION)
    Account.objects.update(is_active=False)
    answer = anybody.post("/chat", json=QUESTION)
    assert (answer.status_code, list(answer.json())) == (401, ["detail"])
