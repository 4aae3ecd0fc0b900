"""Corrections: further rows that bring what a call has cost to what it should have.

A correction has the `created_at` of the row that it corrects, so that the reports and the windows
of budgets of that time come right, and `recorded_at` says when it was made. It holds the difference
to all that was recorded of the call before; to bring a call to the same cost again adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from billing import counters, ledger, pricing
from billing.counters import Counters
from billing.ledger import NO_USAGE, OF_ATTEMPT
from billing.models import UsageRecord
from rini.storage import locks
from rini.storage.locks import Lock

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Correction:
    """What a call is to cost, and what is recorded of it so far (None: its price is unknown)."""

    record: UsageRecord
    cost: int
    price_id: int | None
    recorded: int | None
    charged: int

    @property
    def changes(self) -> bool:
        return self.recorded != self.cost


def rerated(since: datetime, until: datetime, **filters: Any) -> Iterator[list[Correction]]:
    """What the calls from `since` up to `until` cost by the prices as the table has them now.

    In pages, newest first, each with its changes only. `filters` are columns of the ledger. A call
    whose price, or whose usage, is unknown also now is left as it is.
    """
    rows = UsageRecord.objects.filter(
        created_at__gte=since, created_at__lt=until, corrects_id=None, **filters
    ).newest_first()
    page = list(rows[:PAGE])
    while page:
        planned = (_by_price(record) for record in page)
        changes = [found for found in _recorded([p for p in planned if p]) if found.changes]
        if changes:
            yield changes
        page = list(rows.following(page[-1].created_at, page[-1].id)[:PAGE])


@transaction.atomic
def apply(planned: Sequence[Correction]) -> list[UsageRecord]:
    """Append the rows that `planned` takes; none where somebody else has done it meanwhile."""
    locks.hold(Lock.CORRECTIONS)
    counters.share()
    wanted = _recorded([(found.record, found.cost, found.price_id) for found in planned])
    changes = [found for found in wanted if found.changes]
    rows = [_row(found) for found in changes]
    counted = Counters(rows, opening=False)
    for row in rows:
        for counter in counted.of(row):
            counter.spent += row["charged_nano"]
    priced_now = [
        row["id"] for row, found in zip(rows, changes, strict=True) if found.recorded is None
    ]
    ledger.append(rows, priced_now)
    counted.store()
    return [UsageRecord(**row) for row in rows]


def refund(records: Sequence[UsageRecord]) -> list[UsageRecord]:
    """Bring calls to a cost of 0: the rows that were appended for it."""
    return apply([Correction(record, 0, None, None, 0) for record in records])


def recorded_costs(records: Sequence[UsageRecord]) -> list[int | None]:
    """What each of several calls has cost so far."""
    return [found.recorded for found in _recorded([(record, 0, None) for record in records])]


def recorded_cost(record: UsageRecord) -> int | None:
    """What a call has cost by its row and all corrections of it."""
    return _recorded([(record, 0, None)])[0].recorded


def _by_price(record: UsageRecord) -> tuple[UsageRecord, int, int | None] | None:
    usage = record.usage
    price = pricing.price_of(
        *(record.provider, record.model, record.created_at),
        *(usage.input_tokens or 0, record.service_tier),
    )
    cost = pricing.cost(usage, price) if price else None
    return (record, cost, price.pk) if price and cost is not None else None


def _recorded(wanted: Sequence[tuple[UsageRecord, int, int | None]]) -> list[Correction]:
    ids = [record.id for record, _, _ in wanted]
    earlier: dict[UUID | None, Any] = {
        row["corrects_id"]: row
        for row in UsageRecord.objects.filter(corrects_id__in=ids)
        .order_by()
        .values("corrects_id")
        .annotate(cost=Sum("cost_nano"), charged=Sum("charged_nano"), rows=Count("id"))
    }
    found = []
    for record, cost, price_id in wanted:
        more = earlier.get(record.id)
        recorded, charged = record.cost_nano, record.charged_nano
        if more:
            recorded, charged = (recorded or 0) + more["cost"], charged + more["charged"]
        found.append(Correction(record, cost, price_id, recorded, charged))
    return found


def _row(found: Correction) -> dict[str, Any]:
    record = found.record
    return {
        **{name: getattr(record, name) for name in OF_ATTEMPT},
        **NO_USAGE,
        "id": uuid4(),
        "model_answered": record.model_answered,
        "service_tier": record.service_tier,
        "usage_source": record.usage_source,
        "cost_nano": found.cost - (found.recorded or 0),
        "charged_nano": found.cost - found.charged,
        "price_id": found.price_id,
        "corrects_id": record.id,
        "recorded_at": timezone.now(),
        "status": record.status,
        "time_to_first_token_ms": None,
        "duration_ms": None,
    }
