"""The one writer of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.utils import timezone

from billing import pricing, rollups
from billing.models import Attempt, UsageRecord, UsageSource, UsageStatus
from billing.usage import Usage
from rini.storage.statements import execute, names

OF_ATTEMPT = tuple(field.attname for field in Attempt._meta.get_fields() if field.concrete)
NO_USAGE = asdict(Usage())
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. Times are in milliseconds since the vendor was asked."""

    status: UsageStatus
    usage: Usage
    source: UsageSource
    model_answered: str = ""
    service_tier: str = ""
    time_to_first_token_ms: int | None = None
    duration_ms: int | None = None


def row_of(attempt: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """The row of an attempt that has ended, with its cost at the price of its time.

    The cost is NULL where the price or the usage is unknown: unknown is not free.
    """
    usage, tier = outcome.usage, _fitting(outcome.service_tier, 30)
    price = pricing.price_of(
        attempt["provider"], attempt["model"], attempt["created_at"], usage.input_tokens or 0, tier
    )
    cost = pricing.cost(usage, price) if price else None
    return {
        **{name: attempt[name] for name in OF_ATTEMPT},
        **{name: getattr(usage, name) for name in NO_USAGE},
        "model_answered": _fitting(outcome.model_answered, 200),
        "service_tier": tier,
        "usage_source": outcome.source.value,
        "cost_nano": cost,
        "charged_nano": pricing.assumed(usage) if cost is None else cost,
        "price_id": price.pk if price else None,
        "corrects_id": None,
        "recorded_at": timezone.now(),
        "status": outcome.status.value,
        "time_to_first_token_ms": outcome.time_to_first_token_ms,
        "duration_ms": outcome.duration_ms,
    }


_APPEND = f"""
    WITH summed AS ({rollups.ADD})
    INSERT INTO billing_usagerecord ({names(UsageRecord)})
    SELECT {names(UsageRecord)} FROM json_populate_recordset(NULL::billing_usagerecord, %s)
"""  # noqa: S608  # ours


def append(rows: Sequence[Mapping[str, Any]], priced_now: Collection[UUID] = ()) -> None:
    """Append rows, and add them to the rollups (see `rollups.entries`)."""
    if not rows:
        return
    parts = (rollups.entries(rows, priced_now), rows)
    execute(_APPEND, [orjson.dumps(part).decode() for part in parts])
    for provider, model in {(r["provider"], r["model"]) for r in rows if r["cost_nano"] is None}:
        log.warning("unknown price: give it one in the admin", provider=provider, model=model)


def _fitting(text: str, length: int) -> str:
    """A vendor's text as a column takes it."""
    return text.encode(errors="replace").decode().replace("\0", "")[:length]
