"""What tests of money share: prices, holds and endings without a vendor, and the great check."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from billing import budgets, holds, pricing
from billing.ledger import Outcome
from billing.models import Budget, Price, UsageRecord, UsageSource, UsageStatus
from billing.usage import Usage
from rini.errors import BudgetExceeded
from tests.price_table import unlocked

PROVIDER = "ledger-test"
DOLLAR = 10**9
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def add_price(model: str = "모델", **fields: Any) -> Price:
    """A price of $1 in and $2 out per million tokens since long ago."""
    rates = {"input_rate": DOLLAR, "output_rate": 2 * DOLLAR, "effective_from": LONG_AGO}
    price = Price.objects.create(provider=PROVIDER, model=model, **{**rates, **fields})
    pricing._rows.forget()
    return price


def forget_prices() -> None:
    with unlocked():
        Price.objects.filter(provider=PROVIDER).delete()
    pricing._rows.forget()


def placement(**fields: Any) -> dict[str, Any]:
    """A hold of a call of 1,000,000 tokens in and as many out: $3 by `add_price`."""
    usual = {
        "id": uuid4(),
        "created_at": datetime.now(UTC),
        "request_id": "",
        "user_id": uuid4(),
        "token_id": None,
        "purpose": "chat",
        "session_id": None,
        "message_id": None,
        "provider": PROVIDER,
        "model": "모델",
        "estimated_input_tokens": 10**6,
        "max_output_tokens": 10**6,
    }
    return usual | fields


def outcome(usage: Usage | None = None, **fields: Any) -> Outcome:
    usual = {"status": UsageStatus.COMPLETED, "source": UsageSource.VENDOR}
    used = usage or Usage(input_tokens=10**6, output_tokens=10**6)
    return Outcome(usage=used, **{**usual, **fields})


def settled(usage: Usage | None = None, **fields: Any) -> UsageRecord:
    """The ledger row of a call that was placed and settled."""
    placed = placement(**fields)
    refusals = holds.place_all([placed])
    assert refusals == [None], refusals
    record = holds.settle_now(placed["id"], outcome(usage))
    assert record is not None
    return record


def refusal_of(**fields: Any) -> BudgetExceeded | None:
    return holds.place_all([placement(**fields)])[0]


def budget(scope: str, subject_id: UUID | None, limit: int, **fields: Any) -> Budget:
    usual = {"period": "total"}
    return budgets.put(
        Budget(scope=scope, subject_id=subject_id, limit_nano=limit, **{**usual, **fields})
    )


def check_sums() -> None:
    """The ledger's rows add up to the rollups and, with the holds, to the budgets' counters."""
    with connection.cursor() as cursor:
        for name, statement in _DIFFERENCES.items():
            cursor.execute(statement)
            assert cursor.fetchall() == [], name


_DIFFERENCES = {
    "rollups": """
        WITH corrected AS (
            SELECT DISTINCT corrects_id AS id FROM billing_usagerecord
            WHERE corrects_id IS NOT NULL
        ), rows AS (
            SELECT user_id, token_id, session_id, provider, model, purpose,
                date_bin('15 minutes', created_at, '2000-01-01') AS bucket,
                count(*) FILTER (WHERE corrects_id IS NULL) AS calls,
                coalesce(sum(input_tokens), 0) AS input_tokens,
                coalesce(sum(cached_input_tokens), 0) AS cached_input_tokens,
                coalesce(sum(output_tokens), 0) AS output_tokens,
                coalesce(sum(cost_nano), 0) AS cost_nano,
                sum(charged_nano) AS charged_nano,
                count(*) FILTER (WHERE cost_nano IS NULL AND corrected.id IS NULL) AS unpriced_calls
            FROM billing_usagerecord LEFT JOIN corrected USING (id)
            GROUP BY 1, 2, 3, 4, 5, 6, 7
        ), rollups AS (
            SELECT user_id, token_id, session_id, provider, model, purpose, bucket, calls,
                input_tokens, cached_input_tokens, output_tokens, cost_nano, charged_nano,
                unpriced_calls
            FROM billing_rollup
        )
        (SELECT 'row', * FROM rows EXCEPT SELECT 'row', * FROM rollups)
        UNION ALL (SELECT 'rollup', * FROM rollups EXCEPT SELECT 'rollup', * FROM rows)
    """,
    "budgets": """
        WITH windows AS (
            SELECT w.id, w.spent_nano, w.held_nano, b.scope, b.subject_id, w.starts_at,
                CASE b.period WHEN 'total' THEN 'infinity' ELSE
                    ((w.starts_at AT TIME ZONE b.timezone) + ('1 ' || b.period)::interval)
                    AT TIME ZONE b.timezone END AS ends_at
            FROM billing_budgetwindow w JOIN billing_budget b ON b.id = w.budget_id
        ), counted AS (
            SELECT windows.*,
                (SELECT coalesce(sum(charged_nano), 0) FROM billing_usagerecord WHERE {}) AS spent,
                (SELECT coalesce(sum(amount_nano), 0) FROM billing_hold WHERE {}) AS held
            FROM windows
        )
        SELECT scope, subject_id, starts_at, spent_nano, spent, held_nano, held FROM counted
        WHERE spent_nano <> spent OR held_nano <> held
    """.replace(
        "{}",
        """created_at >= starts_at AND created_at < ends_at AND CASE scope
           WHEN 'user' THEN user_id = subject_id WHEN 'token' THEN token_id = subject_id
           WHEN 'session' THEN session_id = subject_id ELSE true END""",
    ),
}
