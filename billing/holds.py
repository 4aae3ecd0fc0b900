"""Holds: a call is written down before its vendor is asked, and settled when it has ended.

    place ──► Hold ──► settle ──► UsageRecord
                └────► release

A hold becomes exactly one ledger row, in one transaction, under the same id; settling it a second
time does nothing. What a dead process left is settled by `providers.tasks.sweep`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from billing import ledger
from billing.models import Hold, UsageRecord
from rini import heartbeat
from rini.request_id import request_id


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a call, and what it is for."""

    user_id: UUID
    purpose: str
    token_id: UUID | None = None
    session_id: UUID | None = None
    message_id: int | None = None


def place(
    hold_id: UUID, payer: Payer, *, provider: str, model: str, estimated_input_tokens: int
) -> Hold:
    """Write down, durably, that a vendor is about to be called."""
    return Hold.objects.create(
        id=hold_id,
        user_id=payer.user_id,
        token_id=payer.token_id,
        purpose=payer.purpose,
        session_id=payer.session_id,
        message_id=payer.message_id,
        request_id=request_id(),
        provider=provider,
        model=model,
        process_id=heartbeat.process_id(),
        estimated_input_tokens=estimated_input_tokens,
    )


def release(hold_id: UUID) -> None:
    """Take back a hold whose vendor was not called: there is nothing to settle."""
    Hold.objects.filter(id=hold_id).delete()


@transaction.atomic
def settle(hold_id: UUID, outcome: ledger.Outcome) -> UsageRecord | None:
    """Turn a hold into its ledger row; None if somebody else has done so already."""
    hold = Hold.objects.select_for_update().filter(id=hold_id).first()
    if hold is None:
        return None
    hold.delete()
    return ledger.write(hold, hold_id, outcome)


def abandoned() -> QuerySet[Hold]:
    """The holds of processes that no longer live, oldest first.

    Later than others notice that death: who knows what a call had written settles it before.
    """
    alive = heartbeat.living(patience=3.0).filter(id=OuterRef("process_id"))
    return Hold.objects.filter(~Exists(alive)).order_by("created_at")
