"""Several keys of the operator's for one provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from billing.models import Hold, UsageRecord
from providers.models import Provider
from rini.secrets import sealed
from rini.secrets.secret import Secret
from rini.storage import valkey
from tests.conftest import User
from tests.conversations.conftest import eventually
from tests.dialects.openai_client import ASK, CLAUDE, GPT
from tests.rini_server import RiniServer
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

ONE, TWO = "sk-operator-one-0001", "sk-operator-two-0002"
QUOTA = {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}


@pytest.fixture(scope="module")
def lending(start_server: Callable[..., RiniServer]) -> RiniServer:
    return start_server(OPENAI_API_KEY=f"{ONE},{TWO}", ANTHROPIC_API_KEY="sk-ant-operator-0003")


@pytest.fixture(autouse=True)
def _closed_breakers() -> Iterator[None]:
    client = valkey.client()
    for name in client.scan_iter("breaker:*"):
        client.delete(name)
    yield
    eventually(lambda: not Hold.objects.exists())


@pytest.fixture
def asker(alice: User, lending: RiniServer, stage: Stage) -> User:
    alice.base_url = httpx.URL(lending.url)
    return alice


def ask(user: User, **more: Any) -> httpx.Response:
    return user.post("/v1/chat/completions", json={"model": GPT, "messages": ASK, **more})


def used(stage: Stage) -> list[str]:
    return [call.key for call in stage.calls]


def test_they_take_turns(asker: User, stage: Stage) -> None:
    for _ in range(4):
        assert ask(asker).status_code == 200
    assert sorted(used(stage)) == [ONE, ONE, TWO, TWO]
    assert used(stage)[0] == used(stage)[2]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "failure", [Failure(401), Failure(403), Failure(429), Failure(429, QUOTA)], ids=str
)
def test_what_one_is_refused_the_other_is_asked_and_it_is_passed_over(
    asker: User, stage: Stage, failure: Failure, stream: bool
) -> None:
    stage.always(Script(failure=failure), key=ONE)
    for _ in range(5):
        answer = ask(asker, stream=stream, fallbacks=[CLAUDE])
        assert answer.status_code == 200
        assert answer.headers["x-rini-model"] == GPT
    assert used(stage).count(ONE) == 1
    assert UsageRecord.objects.filter(status="failed").count() == 1


def test_what_is_not_the_key_s_is_not_asked_again(asker: User, stage: Stage) -> None:
    stage.always(Script(failure=Failure(500)), model="gpt-4o-mini")
    assert ask(asker).status_code == 502
    assert len(stage.calls) == 1
    assert ask(asker, fallbacks=[CLAUDE]).headers["x-rini-model"] == CLAUDE
    assert len(stage.calls) == 3


def test_if_all_are_refused_the_first_refusal_is_told(asker: User, stage: Stage) -> None:
    stage.always(Script(failure=Failure(401)), model="gpt-4o-mini")
    answer = ask(asker)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "provider_key_invalid")
    assert sorted(used(stage)) == [ONE, TWO]
    for key in (ONE, TWO):
        assert key not in answer.text


def test_a_user_s_own_key_has_no_turns(asker: User, stage: Stage) -> None:
    own = {"model_provider": "openai", "api_key_value": "sk-alice-has-her-own"}
    asker.post("/api-keys/", json=own).raise_for_status()
    stage.always(Script(failure=Failure(429)), key="sk-alice-has-her-own")
    assert ask(asker).status_code == 429
    assert used(stage) == ["sk-alice-has-her-own"]


def test_those_of_the_administration_are_sealed_together(alice: User, stage: Stage) -> None:
    row = Provider.objects.get(pk="openai")
    sealed.put(row, "sealed_key", Secret(f"{ONE},{TWO},{ONE}"))
    row.save()
    try:
        for _ in range(2):
            assert ask(alice).status_code == 200
    finally:
        Provider.objects.filter(pk="openai").update(sealed_key=None)
    assert sorted(used(stage)) == [ONE, TWO]
