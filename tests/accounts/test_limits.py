"""Requests and tokens per minute, and answers at a time: of accounts and of API tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings

from accounts.models import ApiToken
from accounts.models import User as Account
from conversations.models import Generation, Message
from tests.conftest import User
from tests.conversations.conftest import (
    eventually,
    generate,
    new_session,
    wait_until_written,
)
from tests.rini_server import RiniServer, free_port
from tests.vendors.script import Script, Tokens
from tests.vendors.stage import Stage

TRIO = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
ASK = "/llm/text-completion/"


@pytest.fixture(autouse=True)
def _forgotten_counts(client: httpx.Client) -> Iterator[None]:
    yield
    wait_until_written()
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        if keys := valkey.keys("rini:rate:*"):
            valkey.delete(*keys)


def limit(user: User, **columns: int) -> None:
    """What the operator sets in the administration."""
    Account.objects.filter(pk=user.user_id).update(**columns)


def ask(user: httpx.Client, text: str = "몇 개?", **body: Any) -> httpx.Response:
    return user.post(ASK, json={"text": text, "provider": "local", "model": "played", **body})


def trio(answer: httpx.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[name]) for name in TRIO)


@pytest.fixture
def program(alice: User, server: RiniServer) -> Iterator[Callable[..., httpx.Client]]:
    """Makes a client with an API token of alice's; keywords are the token's limits."""
    clients: list[httpx.Client] = []

    def make(**limits: int) -> httpx.Client:
        made = alice.post("/tokens/", json={"name": "프로그램", **limits})
        assert made.status_code == 201, made.text
        headers = {"Authorization": f"Bearer {made.json()['token']}"}
        clients.append(httpx.Client(base_url=server.url, headers=headers, timeout=30))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize("address", ["/users/me", "/v1/models"])
def test_requests_past_the_limit_are_refused_and_told_when_to_come_back(
    alice: User, address: str
) -> None:
    limit(alice, requests_per_minute=3)
    answers = [alice.get(address) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [trio(answer)[:2] for answer in answers] == [(3, 2), (3, 1), (3, 0), (3, 0), (3, 0)]
    assert 0 < trio(answers[0])[2] <= 60
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert answers[0].headers["ratelimit-policy"] == '"requests-of-user";q=3;w=60'
    assert answers[0].headers["ratelimit"].startswith('"requests-of-user";r=2;t=')


def test_who_has_no_limit_is_told_of_none(alice: User) -> None:
    answer = alice.get("/users/me")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


def test_requests_at_once_do_not_slip_through_in_any_process(
    alice: User, server: RiniServer, start_server: Callable[..., RiniServer]
) -> None:
    limit(alice, requests_per_minute=10)
    urls = (server.url, start_server().url)
    start = threading.Barrier(30)

    def get(number: int) -> int:
        start.wait()
        path = ("/users/me", "/v1/models", "/sessions/")[number % 3]
        return alice.get(urls[number % 2] + path).status_code

    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(get, range(30)))
    assert (statuses.count(200), statuses.count(429)) == (10, 20)


def test_a_request_with_an_idempotency_key_counts_once(alice: User) -> None:
    limit(alice, requests_per_minute=10)
    answer = alice.post("/sessions/", json={}, headers={"Idempotency-Key": "k" * 36})
    assert trio(answer)[:2] == (10, 9)


def test_a_token_has_limits_of_its_own_beside_its_users(
    alice: User, program: Callable[..., httpx.Client]
) -> None:
    limited, free = program(requests_per_minute=2), program()
    assert [limited.get("/users/me").status_code for _ in range(3)] == [200, 200, 429]
    assert free.get("/users/me").status_code == 200
    limit(alice, requests_per_minute=2)
    assert [free.get("/users/me").status_code for _ in range(3)] == [200, 200, 429]


def test_a_tokens_limits_are_shown_changed_and_taken_away(alice: User) -> None:
    body = {"name": "限", "requests_per_minute": 7, "tokens_per_minute": 9000}
    made = alice.post("/tokens/", json=body).json()
    assert (made["requests_per_minute"], made["tokens_per_minute"]) == (7, 9000)
    address = f"/tokens/{made['id']}"
    changed = alice.patch(address, json={"requests_per_minute": None, "tokens_per_minute": 5})
    assert changed.json()["requests_per_minute"] is None
    row = ApiToken.objects.get()
    assert (row.requests_per_minute, row.tokens_per_minute) == (None, 5)
    for wrong in (0, -1, "many", 2**31):
        assert alice.patch(address, json={"tokens_per_minute": wrong}).status_code == 400


@pytest.mark.parametrize("column", ["requests_per_minute", "tokens_per_minute"])
def test_a_limited_token_makes_no_token_without_limits(
    program: Callable[..., httpx.Client], column: str
) -> None:
    answer = program(**{column: 50}).post("/tokens/", json={"name": "더 나은 것"})
    assert answer.status_code == 403


def test_tokens_are_counted_as_the_vendor_tells_them(alice: User, stage: Stage) -> None:
    limit(alice, tokens_per_minute=1000)
    stage.next(
        Script(usage=Tokens(input=300, output=600)), Script(usage=Tokens(input=50, output=60))
    )
    assert ask(alice).status_code == 200
    assert trio(eventually_settled(alice, 100))[:2] == (1000, 100)
    assert ask(alice).status_code == 200
    refused = ask(alice)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert "tokens a minute" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert len(stage.calls) == 2


def eventually_settled(user: User, remaining: int) -> httpx.Response:
    answer: httpx.Response = eventually(
        lambda: answer if trio(answer := user.get("/users/me"))[1] == remaining else None
    )
    return answer


def test_calls_at_once_share_the_tokens_that_are_left(alice: User, stage: Stage) -> None:
    stage.always(Script(delay=0.5, usage=Tokens(input=400, output=0)), model="played")
    limit(alice, tokens_per_minute=1000)
    text = "한 " * 300
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(alice, text).status_code, range(8)))
    assert set(statuses) == {200, 429}
    assert 1 <= len(stage.calls) <= 3


def test_a_call_that_was_refused_gives_its_tokens_back(alice: User, stage: Stage) -> None:
    limit(alice, tokens_per_minute=1000)
    alice.post("/llm/text-completion/", json={"text": "열쇠 없음", "model": "openai/gpt-4o-mini"})
    assert trio(alice.get("/users/me"))[:2] == (1000, 1000)


@pytest.mark.parametrize("through_setting", [False, True])
def test_no_more_answers_are_written_at_a_time_than_allowed(
    alice: User,
    stage: Stage,
    start_server: Callable[..., RiniServer],
    server: RiniServer,
    through_setting: bool,
) -> None:
    stage.always(Script(hangs=True), model="played")
    one = start_server(PARALLEL_GENERATIONS="2") if through_setting else server
    if not through_setting:
        limit(alice, parallel_generations=2)
    sessions = [new_session(alice) for _ in range(6)]
    start = threading.Barrier(6)

    def begin(session: str) -> httpx.Response:
        start.wait()
        address = f"/sessions/{session}/generations/"
        body = {"text": "동시에", "provider": "local", "model": "played"}
        return alice.post(one.url + address, json=body)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(begin, sessions))
    begun = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(begun), len(refused)) == (2, 4)
    assert refused[0].json()["code"] == "too_many_generations"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert Message.objects.count() == 4
    alice.post(f"/generations/{begun[0]}/stop")
    assert begin_alone(alice, one).status_code == 201
    for row in Generation.objects.filter(status="running"):
        alice.post(f"/generations/{row.id}/stop")


def begin_alone(user: User, server: RiniServer) -> httpx.Response:
    address = f"/sessions/{new_session(user)}/generations/"
    body = {"text": "다음", "provider": "local", "model": "played"}
    return user.post(server.url + address, json=body)


def test_the_answers_of_a_killed_process_do_not_count(
    alice: User, stage: Stage, start_server: Callable[..., RiniServer]
) -> None:
    limit(alice, parallel_generations=1)
    stage.next(Script(hangs=True))
    doomed = start_server()
    session = new_session(alice)
    begun = alice.post(
        f"{doomed.url}/sessions/{session}/generations/",
        json={"text": "곧 죽음", "provider": "local", "model": "played"},
    )
    assert begun.status_code == 201
    doomed.kill()
    body = {"text": "다시", "provider": "local", "model": "played"}
    address = f"/sessions/{new_session(alice)}/generations/"
    eventually(lambda: alice.post(address, json=body).status_code == 201, 20)


def test_a_generation_refused_for_its_tokens_says_so(alice: User, stage: Stage) -> None:
    limit(alice, tokens_per_minute=10)
    begun = generate(alice, new_session(alice), "한 " * 300)
    ended = eventually(
        lambda: (
            found
            if (found := alice.get(f"/generations/{begun['id']}").json())["status"] != "running"
            else None
        )
    )
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "rate_limited")
    assert not stage.calls


def test_without_valkey_limited_callers_get_503_and_others_are_served(
    alice: User, bob: User, start_server: Callable[..., RiniServer]
) -> None:
    cut_off = start_server(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    limit(alice, requests_per_minute=5)
    for path in ("/users/me", "/v1/models"):
        refused = alice.get(cut_off.url + path)
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        assert bob.get(cut_off.url + path).status_code == 200
