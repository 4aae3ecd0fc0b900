"""A call is settled in every ending, exactly once: also when its process is killed meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.db import connection
from django.db.models import F

from billing.models import Budget, BudgetWindow, Hold, UsageRecord
from providers import tasks
from rini.models import Process
from tests.billing.ledger_world import DOLLAR, budget, check_sums
from tests.conftest import User
from tests.rini_server import RiniServer
from tests.vendors.script import Cut, Failure, Script, Tokens
from tests.vendors.stage import Stage

SERVERS, CALLS_EACH = 4, 50
SLOW = Script(pieces=["천천히 "] * 200, delay=0.2)


async def ask(server: RiniServer, token: str, model: str, **body: object) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        return await client.post(
            f"{server.url}/llm/chat-completions/",
            headers={"Authorization": f"Bearer {token}"},
            json={
                "messages": [{"role": "user", "content": "길게 말해 줘"}],
                "provider": "local",
                "model": model,
                **body,
            },
        )


async def ask_all(servers: list[RiniServer], token: str, models: list[list[str]]) -> None:
    asked = (
        ask(server, token, model, stream=number % 2 == 0)
        for server, names in zip(servers, models, strict=True)
        for number, model in enumerate(names)
    )
    await asyncio.gather(*asked, return_exceptions=True)


@pytest.mark.timeout(180)
def test_every_call_of_killed_and_terminated_processes_has_one_settled_row(
    start_server: Callable[..., RiniServer], stage: Stage, alice: User, settings: Any
) -> None:
    settings.PROCESS_DEAD_AFTER_SECONDS = 1  # PostgreSQL itself may not have run for longer
    budget("user", UUID(alice.user_id), 10**6 * DOLLAR)
    servers = [start_server() for _ in range(SERVERS)]
    models = [[f"죽음-{n}-{i}" for i in range(CALLS_EACH)] for n in range(SERVERS)]
    for name in itertools.chain(*models):
        stage.always(SLOW, model=name)

    async def kill_in_the_middle() -> None:
        asking = asyncio.create_task(ask_all(servers, alice.token, models))
        for number, doomed in enumerate(servers):
            await asyncio.to_thread(stage.wait_for_call, (number + 1) * 40, timeout=60)
            await asyncio.to_thread(doomed.kill if number else doomed.terminate)
        await asking

    asyncio.run(kill_in_the_middle())
    seen = {call.model for call in stage.calls}
    assert len(seen) >= SERVERS * 40
    assert Hold.objects.exists()
    let_the_dead_be_noticed()
    tasks.sweep()
    tasks.sweep()
    rows = Counter(UsageRecord.objects.values_list("model", flat=True))
    assert set(rows) >= seen
    assert set(rows.values()) == {1}
    assert not Hold.objects.exists()
    assert BudgetWindow.objects.get().held_nano == 0
    check_sums()
    connection.close()


def let_the_dead_be_noticed() -> None:
    """Time that passes: every heart that beats no more has stopped an hour ago."""
    Process.objects.update(beat_at=F("beat_at") - (timedelta(minutes=30)))


@pytest.mark.parametrize(
    ("script", "status", "source"),
    [
        (Script(), "completed", "vendor"),
        (Script(usage=None), "completed", "estimated"),
        (Script(pieces=["하나 ", "둘 "], cut=Cut(after_pieces=1)), "incomplete", "estimated"),
        (Script(failure=Failure(500)), "failed", "estimated"),
        (Script(failure=Failure(429)), "failed", "estimated"),
    ],
)
def test_every_ending_settles_its_call(
    script: Script, status: str, source: str, stage: Stage, alice: User, server: RiniServer
) -> None:
    model = f"끝-{uuid4()}"
    stage.always(script, model=model)
    asyncio.run(ask(server, alice.token, model, stream=True))
    record = UsageRecord.objects.get(model=model)
    assert (record.status, record.usage_source) == (status, source)
    assert record.cost_nano == 0
    assert not Hold.objects.exists()
    check_sums()


@pytest.mark.parametrize("asked", [{"max_tokens": 3}, {"max_completion_tokens": 3}])
def test_an_estimate_is_never_more_than_was_asked_for(
    asked: dict[str, int], stage: Stage, alice: User, server: RiniServer
) -> None:
    stage.always(Script(pieces=["하나 둘 셋 넷 다섯 여섯 "] * 5, usage=None), model="많은")
    asyncio.run(ask(server, alice.token, "많은", llm_params=asked))
    record = UsageRecord.objects.get()
    assert (record.usage_source, record.output_tokens) == ("estimated", 3)


def test_a_budget_that_is_spent_refuses_before_the_vendor_is_asked(
    stage: Stage, alice: User, server: RiniServer
) -> None:
    alice.post("/api-keys/", json={"model_provider": "openai", "api_key_value": "sk-alice-1"})
    Budget.objects.all().delete()
    budget("user", UUID(alice.user_id), 1, period="day", timezone="Asia/Seoul")
    answer = alice.post(
        "/llm/chat-completions/",
        json={
            "messages": [{"role": "user", "content": "안녕"}],
            "provider": "openai",
            "model": "gpt-4o-mini",
        },
    )
    assert answer.status_code == 402, answer.text
    problem = answer.json()
    assert problem["code"] == "budget_exceeded"
    assert "this user" in problem["detail"]
    assert "It resets at" in problem["detail"]
    assert stage.calls == []
    assert not Hold.objects.exists()


def test_cached_and_reasoning_tokens_reach_the_ledger(
    stage: Stage, alice: User, server: RiniServer
) -> None:
    stage.next(Script(usage=Tokens(input=100, output=50, cached=40, reasoning=20)))
    asyncio.run(ask(server, alice.token, "세다", stream=True))
    record = UsageRecord.objects.get()
    assert (record.input_tokens, record.cached_input_tokens) == (100, 40)
    assert (record.output_tokens, record.reasoning_tokens) == (50, 20)
