"""Requests with an ``Idempotency-Key`` through the API: done once, whatever happens in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone

from accounts.models import ApiToken
from billing.models import UsageRecord
from conversations.models import Generation, Message, Session
from rini.models import IdempotentRequest
from rini.web import idempotency
from tests.conftest import User
from tests.conversations.conftest import (
    eventually,
    generate,
    new_session,
    wait_until_written,
)
from tests.conversations.reading import events_of, text_of
from tests.rini_server import RiniServer
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

ASK = "/llm/text-completion/"
QUESTION = {"text": "다시 물어도 한 번", "provider": "local", "model": "played"}


def headers(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid4())}


def is_replay(answer: httpx.Response) -> bool:
    return "idempotency-replayed" in answer.headers


@pytest.fixture(autouse=True)
def _written(client: httpx.Client) -> Iterator[None]:
    yield
    wait_until_written()


@pytest.fixture
def second_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    return start_server()


def test_a_retry_gets_the_stored_answer_and_nothing_is_made_again(alice: User) -> None:
    key = headers()
    first = alice.post("/sessions/", json={"alias": "여행"}, headers=key)
    again = alice.post("/sessions", json={"alias": "여행"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert Session.objects.count() == 1


@pytest.mark.parametrize("address", [ASK, "/v1/chat/completions"])
def test_a_retried_completion_is_neither_asked_nor_paid_again(
    alice: User, stage: Stage, address: str
) -> None:
    body: dict[str, Any] = QUESTION
    if address != ASK:
        body = {"model": "local/played", "messages": [{"role": "user", "content": "한 번"}]}
    key = headers()
    first, again = (alice.post(address, json=body, headers=key) for _ in range(2))
    assert first.status_code == 200, first.text
    assert again.content == first.content
    assert len(stage.calls) == 1
    assert UsageRecord.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(alice: User) -> None:
    key = headers()
    alice.post("/sessions/", json={"alias": "하나"}, headers=key)
    refused = alice.post("/sessions/", json={"alias": "둘"}, headers=key)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "idempotency_key_reused"
    assert Session.objects.count() == 1


def test_a_dialect_refuses_in_its_own_shape(alice: User, stage: Stage) -> None:
    key = headers()
    body = {"model": "local/played", "messages": [{"role": "user", "content": "一"}]}
    alice.post("/v1/chat/completions", json=body, headers=key)
    refused = alice.post("/v1/chat/completions", json={**body, "n": 2}, headers=key)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "idempotency_key_reused"


def test_a_retry_during_the_first_request_is_told_so(alice: User, stage: Stage) -> None:
    stage.next(Script(pieces=["늦은 ", "답"], delay=1))
    key = headers()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(alice.post, ASK, json=QUESTION, headers=key)
        stage.wait_for_call()
        early = alice.post(ASK, json=QUESTION, headers=key)
        assert first.result().status_code == 200
    assert early.status_code == 409
    assert early.json()["code"] == "request_in_progress"
    assert int(early.headers["retry-after"]) >= 1
    assert is_replay(alice.post(ASK, json=QUESTION, headers=key))


def test_of_many_at_once_exactly_one_is_done(
    alice: User, server: RiniServer, second_server: RiniServer
) -> None:
    key = headers()
    start = threading.Barrier(16)

    def post(number: int) -> httpx.Response:
        url = (server, second_server)[number % 2].url
        start.wait()
        return alice.post(f"{url}/sessions/", json={"alias": "競争"}, headers=key)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(post, range(16)))
    assert Session.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.json()["id"] for answer in made}) == 1
    assert sum(not is_replay(answer) for answer in made) == 1


def test_another_process_gives_the_stored_answer_too(
    alice: User, start_server: Callable[..., RiniServer]
) -> None:
    key = headers()
    gone = start_server()
    first = alice.post(f"{gone.url}/sessions/", json={}, headers=key)
    gone.kill()
    again = alice.post("/sessions/", json={}, headers=key)
    assert (again.json(), is_replay(again)) == (first.json(), True)


def test_keys_belong_to_their_user_and_address(alice: User, bob: User) -> None:
    key = headers()
    mine = alice.post("/sessions/", json={}, headers=key).json()
    theirs = bob.post("/sessions/", json={}, headers=key)
    assert not is_replay(theirs)
    assert theirs.json()["id"] != mine["id"]
    imported = alice.post("/tokens/", json={"name": "같은 열쇠"}, headers=key)
    assert imported.status_code == 201


@pytest.mark.parametrize("status", [429, 500, 401])
def test_what_failed_can_be_tried_again_with_the_same_key(
    alice: User, stage: Stage, status: int
) -> None:
    stage.next(Script(failure=Failure(status)))
    key = headers()
    assert alice.post(ASK, json=QUESTION, headers=key).status_code >= 400
    again = alice.post(ASK, json=QUESTION, headers=key)
    assert (again.status_code, is_replay(again)) == (200, False)


def test_a_refused_body_can_be_corrected_under_the_same_key(alice: User) -> None:
    key = headers()
    assert alice.post("/sessions/", json={"tags": 5}, headers=key).status_code == 400
    assert alice.post("/sessions/", json={"tags": ["旅"]}, headers=key).status_code == 201


def test_a_caller_that_went_away_gets_the_answer_when_it_comes_back(
    alice: User, stage: Stage
) -> None:
    stage.next(Script(pieces=["기다", "려"], delay=0.5))
    key = headers()
    with pytest.raises(httpx.ReadTimeout):
        alice.post(ASK, json=QUESTION, headers=key, timeout=0.2)
    answer = eventually(lambda: _unless_busy(alice.post(ASK, json=QUESTION, headers=key)))
    assert (answer.json()["response_text"], is_replay(answer)) == ("기다려", True)
    assert len(stage.calls) == 1


def _unless_busy(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == 409 else answer


def test_a_retried_stream_of_a_session_is_the_same_generation(alice: User, stage: Stage) -> None:
    session = new_session(alice)
    body = {**QUESTION, "session_id": session, "stream": True}
    key = headers()
    first = alice.post(ASK, json=body, headers=key)
    again = alice.post(ASK, json=body, headers=key)
    assert is_replay(again)
    assert again.headers["x-generation-id"] == first.headers["x-generation-id"]
    assert events_of(again) == events_of(first)
    assert (Generation.objects.count(), Message.objects.count(), len(stage.calls)) == (1, 2, 1)


def test_a_retry_joins_a_stream_that_is_still_being_written(alice: User, stage: Stage) -> None:
    stage.next(Script(pieces=["끊", "긴 ", "줄"], delay=0.3))
    body = {**QUESTION, "session_id": new_session(alice), "stream": True}
    key = headers()
    with alice.stream("POST", ASK, json=body, headers=key) as cut_off:
        assert cut_off.status_code == 200
    again = alice.post(ASK, json=body, headers=key)
    assert text_of(events_of(again)) == "끊긴 줄"
    assert len(stage.calls) == 1


def test_a_stream_of_which_nothing_is_stored_is_asked_anew(alice: User, stage: Stage) -> None:
    key = headers()
    for number in (1, 2):
        answer = alice.post(ASK, json={**QUESTION, "stream": True}, headers=key)
        assert text_of(events_of(answer)) == QUESTION["text"]
        assert not is_replay(answer)
        assert len(stage.calls) == number
        eventually(lambda: not IdempotentRequest.objects.exists())


def test_a_retried_generation_is_begun_once(alice: User, stage: Stage) -> None:
    session = new_session(alice)
    key = headers()
    begun = [
        alice.post(f"/sessions/{session}/generations/", json=QUESTION, headers=key).json()
        for _ in range(2)
    ]
    assert begun[0] == begun[1]
    assert Generation.objects.count() == 1


def test_a_key_of_a_killed_process_is_free_once_it_is_known_dead(
    alice: User, stage: Stage, start_server: Callable[..., RiniServer]
) -> None:
    stage.next(Script(hangs=True))
    doomed = start_server()
    key = headers()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(alice.post, f"{doomed.url}{ASK}", json=QUESTION, headers=key)
        stage.wait_for_call()
        doomed.kill()
        assert isinstance(lost.exception(), httpx.TransportError)
    answer = eventually(lambda: _unless_busy(alice.post(ASK, json=QUESTION, headers=key)), 20)
    assert (answer.status_code, is_replay(answer)) == (200, False)


def test_an_answer_that_shows_a_secret_is_not_kept(alice: User) -> None:
    key = headers()
    made = alice.post("/tokens/", json={"name": "비밀"}, headers=key).json()
    for name in ("비밀", "다른 것"):
        again = alice.post("/tokens/", json={"name": name}, headers=key)
        assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
    assert ApiToken.objects.count() == 1
    assert IdempotentRequest.objects.get().answer is None
    rotated = alice.post(f"/tokens/{made['id']}/rotate", headers=headers("r"))
    assert rotated.headers["cache-control"] == "no-store"
    assert alice.post(f"/tokens/{made['id']}/rotate", headers=headers("r")).status_code == 409


def test_what_a_key_has_made_another_token_of_its_user_does_not_get(
    alice: User, client: httpx.Client
) -> None:
    limited = alice.post("/tokens/", json={"name": "제한", "allowed_models": ["demo/*"]}).json()
    key = headers()
    first = alice.post("/sessions/", json={"alias": "내 것"}, headers=key)
    voice = {"Authorization": f"Bearer {limited['token']}"}
    theirs = client.post("/sessions/", json={"alias": "내 것"}, headers=key | voice)
    assert not is_replay(theirs)
    assert theirs.json()["id"] != first.json()["id"]
    refused = client.post("/tokens/", json={"name": "더"}, headers=key | voice)
    assert refused.status_code == 403


def test_a_key_goes_with_its_login_when_the_access_token_is_renewed(
    alice: User, client: httpx.Client
) -> None:
    key = headers()
    first = alice.post("/sessions/", json={}, headers=key)
    body = {"refresh_token": alice.account["refresh_token"]}
    renewed = client.post("/auth/refresh", json=body).json()["access_token"]
    again = client.post("/sessions/", json={}, headers=key | {"Authorization": f"Bearer {renewed}"})
    assert (again.json(), is_replay(again)) == (first.json(), True)


def test_signing_up_and_in_is_never_repeated(client: httpx.Client) -> None:
    key = headers()
    first, again = (client.post("/users/", json={}, headers=key) for _ in range(2))
    assert first.json()["id"] != again.json()["id"]
    body = {"username": "ana", "password": "七色の虹 9 bridges"}
    client.post("/users/", json=body)
    for path in ("/auth/token", "/api/users/login"):
        statuses = [
            client.post(path, json={**body, "password": password}, headers=key).status_code
            for password in (body["password"], "guess", body["password"])
        ]
        assert statuses == [200, 401, 200], path
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize("key", ["k" * 256, "줄", "a\tb"])
def test_a_key_that_is_none_is_refused(alice: User, key: str) -> None:
    answer = alice.post("/sessions/", json={}, headers={b"Idempotency-Key": key.encode()})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
    assert not Session.objects.exists()


def test_without_a_valid_token_it_is_still_401(client: httpx.Client) -> None:
    key = headers()
    for _ in range(2):
        assert client.post("/sessions/", json={}, headers=key).status_code == 401
        assert client.post(ASK, json=QUESTION, headers=key).status_code == 401


def test_an_answer_is_forgotten_after_its_time(alice: User) -> None:
    key = headers()
    alice.post("/sessions/", json={}, headers=key)
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=24))
    assert not is_replay(alice.post("/sessions/", json={}, headers=key))
    assert Session.objects.count() == 2
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=24))
    assert idempotency.forget_old() == 1


def test_a_users_answers_go_with_the_user(alice: User) -> None:
    alice.post("/sessions/", json={}, headers=headers())
    assert IdempotentRequest.objects.count() == 1
    assert alice.delete("/users/me").status_code == 204
    assert not IdempotentRequest.objects.exists()


def test_a_request_without_a_key_leaves_nothing(alice: User, session_id: str) -> None:
    generate(alice, session_id)
    assert not IdempotentRequest.objects.exists()


@pytest.fixture
def session_id(alice: User) -> str:
    return new_session(alice)
