from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connections, transaction

from billing import budgets, corrections, holds, periods
from billing.counters import Counter
from billing.models import Budget, Hold, UsageRecord
from billing.usage import Usage
from tests.billing.ledger_world import (
    DOLLAR,
    add_price,
    budget,
    outcome,
    placement,
    refusal_of,
    settled,
)

ROOT = Path(__file__).parents[2]


def state(row: Budget, at: datetime | None = None) -> Counter:
    return budgets.standing([row], at or datetime.now(UTC))[0]


def test_a_call_is_held_and_settled_in_every_budget_that_applies(priced: None) -> None:
    user, token, session = uuid4(), uuid4(), uuid4()
    rows = [
        budget("user", user, 10 * DOLLAR),
        budget("token", token, 10 * DOLLAR),
        budget("session", session, 10 * DOLLAR),
        budget("installation", None, 10 * DOLLAR),
    ]
    others = budget("user", uuid4(), 10 * DOLLAR)
    placed = placement(user_id=user, token_id=token, session_id=session)
    assert holds.place_all([placed]) == [None]
    assert [(state(row).held, state(row).spent) for row in rows] == [(3 * DOLLAR, 0)] * 4
    holds.settle_now(placed["id"], outcome(Usage(input_tokens=500_000, output_tokens=0)))
    assert [(state(row).held, state(row).spent) for row in rows] == [(0, DOLLAR // 2)] * 4
    assert (state(others).held, state(others).spent) == (0, 0)


def test_a_refused_call_takes_nothing_of_any_budget(priced: None) -> None:
    user, token = uuid4(), uuid4()
    wide, narrow = budget("user", user, 10 * DOLLAR), budget("token", token, DOLLAR)
    assert refusal_of(user_id=user, token_id=token) is not None
    assert (state(wide).held, state(narrow).held) == (0, 0)
    assert not Hold.objects.exists()


def test_the_refusal_names_the_budget_what_remains_and_when_it_resets(priced: None) -> None:
    user = uuid4()
    row = budget("user", user, 4 * DOLLAR, period="day", timezone="Asia/Seoul")
    assert refusal_of(user_id=user) is None
    refusal = refusal_of(user_id=user)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (402, "budget_exceeded")
    ends_at = state(row).window.ends_at
    assert ends_at is not None
    for part in ("this user", "$4.000000000 a day", "$1.000000000 left", "$3.000000000"):
        assert part in refusal.detail
    assert f"{ends_at:%Y-%m-%dT15:00:00Z}" in refusal.detail


def test_a_budget_that_only_warns_refuses_nothing_and_still_counts(priced: None) -> None:
    user = uuid4()
    row = budget("user", user, DOLLAR, hard=False)
    settled(user_id=user)
    assert (state(row).spent, state(row).remaining) == (3 * DOLLAR, 0)


def test_a_call_that_costs_nothing_is_not_refused(priced: None) -> None:
    add_price("무료", input_rate=0, output_rate=0)
    user = uuid4()
    budget("user", user, 0)
    assert refusal_of(user_id=user) is not None
    assert refusal_of(user_id=user, model="무료") is None


def test_a_released_hold_gives_back_what_it_held(priced: None) -> None:
    user = uuid4()
    row = budget("user", user, 3 * DOLLAR)
    placed = placement(user_id=user)
    holds.place_all([placed])
    assert refusal_of(user_id=user) is not None
    holds.settle_all([(placed["id"], None)])
    assert (state(row).held, state(row).spent) == (0, 0)
    assert not UsageRecord.objects.exists()


def test_a_call_counts_in_the_window_in_which_it_began(priced: None) -> None:
    user = uuid4()
    evening = datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)
    row = budgets.put(
        Budget(scope="user", subject_id=user, limit_nano=3 * DOLLAR, period="day"), at=evening
    )
    placed = placement(user_id=user, created_at=evening)
    holds.place_all([placed])
    morning = evening + timedelta(seconds=1)
    assert refusal_of(user_id=user, created_at=evening) is not None
    assert refusal_of(user_id=user, created_at=morning) is None
    holds.settle_now(placed["id"], outcome())
    assert (state(row, evening).spent, state(row, morning).spent) == (3 * DOLLAR, 0)


def test_a_new_budget_counts_what_its_window_has_seen_already(priced: None) -> None:
    user = uuid4()
    settled(user_id=user)
    holds.place_all([placement(user_id=user)])
    row = budget("user", user, 7 * DOLLAR, period="month")
    assert (state(row).spent, state(row).held) == (3 * DOLLAR, 3 * DOLLAR)
    assert refusal_of(user_id=user) is not None


def test_a_raised_limit_keeps_what_was_spent(priced: None) -> None:
    user = uuid4()
    row = budget("user", user, 3 * DOLLAR)
    settled(user_id=user)
    assert refusal_of(user_id=user) is not None
    row.limit_nano = 6 * DOLLAR
    budgets.put(row)
    assert state(row).spent == 3 * DOLLAR
    assert refusal_of(user_id=user) is None


def test_an_unknown_price_is_held_and_charged_as_the_settings_assume(
    priced: None, settings: object
) -> None:
    settings.UNKNOWN_PRICE_INPUT_RATE = 4 * DOLLAR  # type: ignore[attr-defined]
    settings.UNKNOWN_PRICE_OUTPUT_RATE = 8 * DOLLAR  # type: ignore[attr-defined]
    user = uuid4()
    row = budget("user", user, 12 * DOLLAR)
    placed = placement(user_id=user, model="無名")
    holds.place_all([placed])
    assert state(row).held == 12 * DOLLAR
    record = holds.settle_now(placed["id"], outcome())
    assert record is not None
    assert (record.cost_nano, record.price_id, record.charged_nano) == (None, None, 12 * DOLLAR)
    assert refusal_of(user_id=user) is not None
    add_price("無名")
    for page in corrections.rerated(record.created_at, datetime.now(UTC)):
        corrections.apply(page)
    assert state(row).spent == 3 * DOLLAR


def test_the_hold_is_at_the_highest_tier_that_the_prompt_reaches(priced: None) -> None:
    add_price("계단", above_input_tokens=0)
    add_price("계단", above_input_tokens=200_000, input_rate=3 * DOLLAR, output_rate=5 * DOLLAR)
    add_price("계단", service_tier="priority", output_rate=6 * DOLLAR)
    amounts = []
    for size in (200_000, 200_001):
        placed = placement(model="계단", estimated_input_tokens=size, max_output_tokens=1000)
        holds.place_all([placed])
        amounts.append(Hold.objects.get(pk=placed["id"]).amount_nano)
    assert amounts == [200_000 * 1000 + 6_000_000, 200_001 * 3000 + 6_000_000]


def test_the_database_refuses_a_budget_without_its_subject(database: None) -> None:
    for scope, subject in (("user", None), ("installation", uuid4())):
        with pytest.raises(IntegrityError), transaction.atomic():
            Budget.objects.create(scope=scope, subject_id=subject, limit_nano=1, period="day")


SPENDER = """
import sys, django
django.setup()
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID
from django.db import connections
from billing import holds
from tests.billing.ledger_world import placement

def spend(_):
    try:
        return holds.place_all([placement(user_id=UUID(sys.argv[1]))])[0] is None
    finally:
        connections.close_all()

with ThreadPoolExecutor(10) as threads:
    print(sum(threads.map(spend, range(50))))
"""


def test_of_100_parallel_calls_from_two_processes_exactly_the_one_that_is_paid_gets_through(
    priced: None, server_environment: dict[str, str]
) -> None:
    user = uuid4()
    row = budget("user", user, 3 * DOLLAR)
    budget("installation", None, 100 * DOLLAR)
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(user)],
            env={**server_environment, "DJANGO_SETTINGS_MODULE": "rini.settings"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    through = [int(spender.communicate(timeout=60)[0]) for spender in spenders]
    assert sum(through) == 1
    assert (Hold.objects.count(), state(row).held) == (1, 3 * DOLLAR)


def test_calls_that_cross_in_budgets_do_not_block_each_other(priced: None) -> None:
    users, sessions = [uuid4() for _ in range(3)], [uuid4() for _ in range(3)]
    for user in users:
        budget("user", user, 10**6 * DOLLAR, period="day")
    for session in sessions:
        budget("session", session, 10**6 * DOLLAR, period="week")

    def batch(number: int) -> None:
        try:
            mixed = range(6) if number % 2 else range(5, -1, -1)
            placements = [
                placement(user_id=users[n % 3], session_id=sessions[(n + number) % 3])
                for n in mixed
            ]
            assert holds.place_all(placements) == [None] * 6
            holds.settle_all([(p["id"], outcome()) for p in placements])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(batch, range(40)))
    assert UsageRecord.objects.count() == 240


@pytest.mark.parametrize(
    ("period", "zone", "at", "starts", "ends"),
    [
        ("day", "UTC", "2026-05-01T12:00", "2026-05-01T00:00", "2026-05-02T00:00"),
        ("day", "Asia/Seoul", "2026-05-01T15:00", "2026-05-01T15:00", "2026-05-02T15:00"),
        ("day", "Asia/Kathmandu", "2026-05-01T18:14", "2026-04-30T18:15", "2026-05-01T18:15"),
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day", "America/Santiago", "2026-09-06T12:00", "2026-09-06T04:00", "2026-09-07T03:00"),
        ("week", "UTC", "2026-05-03T23:59", "2026-04-27T00:00", "2026-05-04T00:00"),
        ("month", "Asia/Tokyo", "2026-12-31T15:00", "2026-12-31T15:00", "2027-01-31T15:00"),
        ("total", "UTC", "2026-05-01T12:00", "1970-01-01T00:00", None),
    ],
)
def test_a_window_begins_at_midnight_of_its_own_clock(
    period: str, zone: str, at: str, starts: str, ends: str | None
) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    found = periods.window(period, zone, moment(at))
    assert found == (moment(starts), moment(ends) if ends else None)


def test_a_period_that_there_is_not_is_no_month() -> None:
    for period in ("quarter", "", "Day", "monthly"):
        with pytest.raises(ValueError, match="Period"):
            periods.window(period, "UTC", datetime.now(UTC))


def test_a_replaced_budget_is_the_only_one(priced: None) -> None:
    token = UUID(int=7)
    budget("token", token, DOLLAR, period="day")
    budgets.replace(
        "token", token, Budget(scope="token", subject_id=token, limit_nano=5, period="week")
    )
    assert [row.period for row in Budget.objects.filter(subject_id=token)] == ["week"]
    budgets.replace("token", token, None)
    assert not Budget.objects.filter(subject_id=token).exists()
