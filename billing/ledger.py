"""The one writer of the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

from billing import pricing
from billing.models import Attempt, UsageRecord, UsageSource, UsageStatus
from billing.usage import Usage


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. Times are in milliseconds since the vendor was asked."""

    status: UsageStatus
    usage: Usage
    source: UsageSource
    model_answered: str = ""
    time_to_first_token_ms: int | None = None
    duration_ms: int | None = None


def write(attempt: Attempt, identity: UUID, outcome: Outcome) -> UsageRecord:
    """Append the row of an attempt that has ended, with its cost at the price of its time.

    The cost is NULL where the price or the usage is unknown: unknown is not free.
    """
    price = pricing.price_of(
        attempt.provider, attempt.model, attempt.created_at, outcome.usage.input_tokens or 0
    )
    return UsageRecord.objects.create(
        id=identity,
        created_at=attempt.created_at,
        request_id=attempt.request_id,
        user_id=attempt.user_id,
        token_id=attempt.token_id,
        purpose=attempt.purpose,
        session_id=attempt.session_id,
        message_id=attempt.message_id,
        provider=attempt.provider,
        model=attempt.model,
        model_answered=outcome.model_answered,
        **asdict(outcome.usage),
        usage_source=outcome.source,
        cost_nano=pricing.cost(outcome.usage, price) if price else None,
        price_id=price.pk if price else None,
        status=outcome.status,
        time_to_first_token_ms=outcome.time_to_first_token_ms,
        duration_ms=outcome.duration_ms,
    )
