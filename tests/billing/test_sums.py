"""Whatever happens to money: rows add up to the rollups and the budgets, after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing import budgets, corrections, holds
from billing.models import Budget, Hold, UsageRecord, UsageStatus
from billing.usage import Usage
from providers import demands, prompt_bound, token_counts
from providers.output_bound import most_output
from providers.types import ChatRequest, Target
from rini.errors import InvalidInput
from tests.billing.ledger_world import (
    DOLLAR,
    LONG_AGO,
    PROVIDER,
    add_price,
    check_sums,
    forget_prices,
    outcome,
    placement,
)

STEPS = 10_000
USERS, TOKENS, SESSIONS = ([UUID(int=kind * 100 + n) for n in range(2)] for kind in (1, 2, 3))
ZONES = ["UTC", "Asia/Seoul", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin"]
NUMBERS = st.integers(1, 200) | st.sampled_from([0, -1, True, "8", 1.5])
PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "text": lambda text: {"content": text},
    "part": lambda text: {"content": [{"type": "text", "text": text}]},
    "object": lambda text: {"content": {"text": text}},
    "arguments": lambda text: {"tool_calls": [{"function": {"name": "f", "arguments": text}}]},
    "file": lambda text: {"content": [{"type": "file", "file": {"file_data": text}}]},
    "unknown": lambda text: {"content": "", "further": [[text]]},
}
taken = {"steps": 0}
QUICK = settings(
    max_examples=10,
    stateful_step_count=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate],  # a failing run of some steps is short enough as it is
)


class Money(RuleBasedStateMachine):
    """Holds, endings, refunds, new prices, re-rates, budgets, and time that goes on by hours."""

    @initialize()
    def begin(self) -> None:
        empty()
        self.now = datetime(2026, 10, 24, 20, 30, tzinfo=UTC)  # the clocks change that night
        self.open: list[UUID] = []
        self.budgets = self.rows = 0
        add_price()

    @rule(
        who=st.tuples(
            *(st.sampled_from([None, *ids]) for ids in (TOKENS, SESSIONS)), st.sampled_from(USERS)
        ),
        size=st.integers(0, 10**6),
        known=st.booleans(),
        count=st.integers(1, 3),
    )
    def call(
        self, who: tuple[UUID | None, UUID | None, UUID], size: int, known: bool, count: int
    ) -> None:
        token, session, user = who
        placements = [
            placement(
                created_at=self.now,
                user_id=user,
                token_id=token,
                session_id=session,
                model="모델" if known else "無名",
                estimated_input_tokens=size,
                max_output_tokens=size,
            )
            for _ in range(count)
        ]
        refusals = holds.place_all(placements)
        self.open += [p["id"] for p, no in zip(placements, refusals, strict=True) if no is None]
        self.check()

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 10**6), size=st.integers(0, 10**6), count=st.integers(1, 3))
    def settle(self, which: int, size: int, count: int) -> None:
        ids = self.some_open(which, count)
        used = Usage(input_tokens=size, output_tokens=size // 2, cached_input_tokens=size // 3)
        holds.settle_all([(hold_id, outcome(used)) for hold_id in ids])
        if which % 4 == 0:
            holds.settle_all([(hold_id, outcome(used)) for hold_id in ids])
        self.rows += len(ids)
        self.check()

    @rule(
        user=st.sampled_from(USERS),
        text=st.integers(0, 2_000),
        place=st.sampled_from(list(PLACES)),
        limits=st.dictionaries(
            st.sampled_from(["max_tokens", "max_completion_tokens", "max_output_tokens"]),
            NUMBERS,
        ),
        many=st.dictionaries(st.sampled_from(["n", "best_of"]), NUMBERS),
        answered=st.floats(0, 1),
        status=st.sampled_from(list(UsageStatus)),
    )
    def attack(
        self,
        user: UUID,
        text: int,
        place: str,
        limits: dict[str, Any],
        many: dict[str, Any],
        answered: float,
        status: UsageStatus,
    ) -> None:
        """A request that says little and takes much, from a vendor that gives all it may."""
        params = {**limits, **many}
        try:
            demands.check(params)
        except InvalidInput:
            assert any(type(value) is not int or value < 1 for value in params.values())
            return
        assert all(type(value) is int and value >= 1 for value in params.values())
        messages = [{"role": "user", **PLACES[place]("길다 " * text)}]
        target = Target(PROVIDER, "openai", "모델", "", max_output_tokens=10**5)
        most = most_output(target, params)
        assert most is not None
        placed = placement(
            created_at=self.now,
            user_id=user,
            most_input_tokens=prompt_bound.counted(ChatRequest(messages, params), target),
            max_output_tokens=most,
        )
        if holds.place_all([placed]) != [None]:
            return
        largest = min(10**5, max(limits.values(), default=10**5))
        out = int(largest * max(many.values(), default=1) * answered)
        used = Usage(input_tokens=token_counts.count("길다 " * text), output_tokens=out)
        amount = Hold.objects.get(pk=placed["id"]).amount_nano
        record = holds.settle_now(placed["id"], outcome(used, status=status))
        assert record is not None
        assert record.charged_nano <= amount
        self.rows += 1
        self.check()

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 10**6))
    def fail(self, which: int) -> None:
        free = outcome(Usage(input_tokens=0, output_tokens=0), status=UsageStatus.FAILED)
        holds.settle_all([(hold_id, free) for hold_id in self.some_open(which, 1)])
        self.check()

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 10**6))
    def release(self, which: int) -> None:
        holds.settle_all([(hold_id, None) for hold_id in self.some_open(which, 1)])
        self.check()

    @precondition(lambda self: self.rows)
    @rule(which=st.integers(0, 10**6))
    def refund(self, which: int) -> None:
        rows = list(UsageRecord.objects.filter(corrects_id=None).order_by("id"))
        corrections.refund([rows[which % len(rows)]])
        self.check()

    @precondition(lambda self: self.rows)
    @rule(rate=st.integers(0, 3 * DOLLAR), model=st.sampled_from(["모델", "無名"]))
    def rerate(self, rate: int, model: str) -> None:
        add_price(model, input_rate=rate)
        for page in corrections.rerated(LONG_AGO, self.now + timedelta(days=1)):
            assert len(corrections.apply(page)) == len(page)
        assert not list(corrections.rerated(LONG_AGO, self.now + timedelta(days=1)))
        self.check()

    @precondition(lambda self: self.budgets < 5)
    @rule(
        scope=st.sampled_from(["user", "token", "session", "installation"]),
        which=st.integers(0, 1),
        limit=st.integers(0, 10 * DOLLAR),
        period=st.sampled_from(["day", "week", "month", "total"]),
        zone=st.sampled_from(ZONES),
        hard=st.booleans(),
    )
    def give_a_budget(
        self, scope: str, which: int, limit: int, period: str, zone: str, hard: bool
    ) -> None:
        ids = {"user": USERS, "token": TOKENS, "session": SESSIONS}
        subject = ids[scope][which] if scope in ids else None
        known = Budget.objects.filter(scope=scope, subject_id=subject, period=period).first()
        row = known or Budget(scope=scope, subject_id=subject, period=period)
        self.budgets += 0 if known else 1
        row.limit_nano, row.timezone, row.hard = limit, zone, hard
        budgets.put(row, at=self.now)
        self.check()

    @precondition(lambda self: self.budgets)
    @rule(which=st.integers(0, 10))
    def take_a_budget_away(self, which: int) -> None:
        rows = list(Budget.objects.order_by("id"))
        budgets.remove([rows[which % len(rows)]])
        self.budgets -= 1
        self.check()

    @rule(minutes=st.integers(1, 60 * 24 * 9))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    def some_open(self, which: int, count: int) -> list[UUID]:
        return [self.open.pop(which % len(self.open)) for _ in range(count) if self.open]

    def check(self) -> None:
        taken["steps"] += 1
        check_sums()


def empty() -> None:
    with connection.cursor() as cursor:
        # Deleting some hundred rows takes less time than truncating thirty tables.
        cursor.execute("SET session_replication_role = replica")
        for table in ("usagerecord", "hold", "rollup", "budgetwindow", "budget"):
            cursor.execute(f"DELETE FROM billing_{table}")
        cursor.execute("SET session_replication_role = DEFAULT")
    forget_prices()


@pytest.fixture
def emptied(database: None) -> Iterator[None]:
    yield
    empty()
    connection.close()


@pytest.mark.timeout(1800)
def test_rows_rollups_and_budgets_agree_after_every_step(emptied: None) -> None:
    taken["steps"] = 0
    while taken["steps"] < STEPS:
        run_state_machine_as_test(Money, settings=QUICK)
