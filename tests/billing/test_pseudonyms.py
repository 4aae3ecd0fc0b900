"""Whose a call was is forgotten with its user; sums, budgets and others' rows stay as they were."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from billing import holds
from billing.models import Budget, BudgetWindow, Hold, Rollup, UsageRecord
from tests.billing.ledger_world import DOLLAR, budget, check_sums, outcome, placement, settled
from tests.conftest import User


def everything() -> str:
    """All that the ledger's tables say, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT string_agg(r::text, ' ') FROM (
                SELECT to_jsonb(u) r FROM billing_usagerecord u UNION ALL
                SELECT to_jsonb(o) FROM billing_rollup o UNION ALL
                SELECT to_jsonb(h) FROM billing_hold h UNION ALL
                SELECT to_jsonb(b) FROM billing_budget b) x"""
        )
        return str(cursor.fetchone()[0])


def sums() -> dict[str, Any]:
    totals = ("calls", "input_tokens", "output_tokens", "cost_nano", "charged_nano")
    return Rollup.objects.aggregate(**{name: Sum(name) for name in totals})


def test_nothing_in_the_ledger_leads_back_to_a_deleted_user(
    priced: None, alice: User, bob: User
) -> None:
    mine, other = UUID(alice.user_id), UUID(bob.user_id)
    token, session = uuid4(), uuid4()
    whole = budget("installation", None, 100 * DOLLAR)
    budget("user", mine, 100 * DOLLAR)
    budget("session", session, 100 * DOLLAR)
    others = budget("user", other, 100 * DOLLAR)
    first = settled(
        user_id=mine, token_id=token, session_id=session, message_id=77_001, request_id="req-7"
    )
    settled(user_id=mine, session_id=session)
    settled(user_id=mine)
    settled(user_id=other)
    under_way = placement(user_id=mine, token_id=token, session_id=session)
    assert holds.place_all([under_way]) == [None]
    before = sums()

    assert alice.delete("/users/me").status_code == 204

    said = everything()
    for name in (mine, token, session, "req-7", 77_001):
        assert str(name) not in said
    assert sums() == before
    assert set(Budget.objects.values_list("pk", flat=True)) == {whole.pk, others.pk}
    row = UsageRecord.objects.get(pk=first.pk)
    mates = UsageRecord.objects.filter(user_id=row.user_id)
    assert mates.count() == 3
    assert mates.filter(session_id=row.session_id).count() == 2
    assert UsageRecord.objects.filter(user_id=other).count() == 1
    check_sums()

    record = holds.settle_now(under_way["id"], outcome())
    assert record is not None
    assert (record.user_id, record.session_id) == (row.user_id, row.session_id)
    assert BudgetWindow.objects.get(budget=whole).spent_nano == 5 * 3 * DOLLAR
    assert str(mine) not in everything()
    assert not Hold.objects.exists()
    check_sums()


def test_an_id_that_is_a_token_as_well_is_forgotten_too(priced: None, alice: User) -> None:
    mine = UUID(alice.user_id)
    settled(user_id=mine, token_id=mine)
    assert alice.delete("/users/me").status_code == 204
    assert UsageRecord.objects.get().user_id not in (mine, None)


def forgetting(user: UUID, column: str, row: UsageRecord) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('billing.forgotten_user', %s, true)", [str(user)])
        cursor.execute(f"UPDATE billing_usagerecord SET {column} WHERE id = %s", [row.pk])


def test_to_forget_is_all_that_the_trigger_allows(priced: None) -> None:
    row = settled()
    with pytest.raises(IntegrityError, match="append-only"):
        forgetting(row.user_id, "cost_nano = 0", row)
    with pytest.raises(IntegrityError, match="append-only"):
        forgetting(uuid4(), "session_id = NULL", row)
