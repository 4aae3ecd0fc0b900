"""Holds: a call is written down before its vendor is asked, and settled when it has ended.

    place ──► Hold ──► settle ──► UsageRecord
                └────► release

A hold takes the most that its call may cost out of every budget that applies, or it is refused and
takes nothing. It becomes exactly one ledger row, in one transaction, under the same id; settling it
a second time does nothing. What a dead process left is settled by `providers.tasks.sweep`.

Calls that come at the same time are written together: a transaction a batch, not one a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.authentication import Caller
from billing import budgets, counters, ledger, pricing
from billing.batches import Batcher
from billing.counters import Counters
from billing.ledger import Outcome
from billing.models import Hold, UsageRecord
from billing.purposes import Purpose
from rini.errors import BudgetExceeded, Unavailable
from rini.storage import heartbeat
from rini.storage.database import in_database, in_database_patiently
from rini.storage.loops import PerLoop
from rini.storage.statements import execute, names
from rini.web.request_id import request_id

Placement = dict[str, Any]
"""The columns of a hold; its process and its amount come when it is placed."""
Ending = tuple[UUID, Outcome | None]
"""A hold, and how its call ended; None: its vendor was not called."""


_A_MILLION_DOLLARS = 10**15
"""A column of 64 bits adds up nine thousand such holds; no real call comes near one."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a call, and what it is for."""

    user_id: UUID
    purpose: Purpose
    token_id: UUID | None = None
    session_id: UUID | None = None
    message_id: int | None = None

    @classmethod
    def of(
        cls,
        caller: Caller,
        purpose: Purpose,
        *,
        session_id: UUID | None = None,
        message_id: int | None = None,
    ) -> Self:
        """The caller pays: its user, and its API token if it came with one."""
        token_id = caller.token.id if caller.token else None
        return cls(caller.user.id, purpose, token_id, session_id, message_id)


async def place(
    hold_id: UUID,
    payer: Payer,
    *,
    provider: str,
    model: str,
    estimated_input_tokens: int,
    most_input_tokens: int | None = None,
    max_output_tokens: int | None = None,
) -> None:
    """Write down, durably, that a vendor is about to be called.

    `estimated_input_tokens` are charged if nobody learns how the call ended; `most_input_tokens`
    are those that the prompt cannot have more of (None: the estimate). `max_output_tokens` is the
    most that can come back: what the call asks for, or the model's maximum; None where nobody
    knows. Raises `BudgetExceeded`, and `Unavailable` where the database is; then there is no hold.
    """
    placement = {
        "id": hold_id,
        "created_at": timezone.now(),
        "request_id": request_id(),
        "user_id": payer.user_id,
        "token_id": payer.token_id,
        "purpose": payer.purpose,
        "session_id": payer.session_id,
        "message_id": payer.message_id,
        "provider": provider,
        "model": model,
        "estimated_input_tokens": estimated_input_tokens,
        "most_input_tokens": most_input_tokens,
        "max_output_tokens": max_output_tokens,
    }
    try:
        await _placing().do(placement)
    except Unavailable:
        # It may have been committed, though its answer got lost.
        _remember(asyncio.create_task(release(hold_id)))
        raise


async def release(hold_id: UUID) -> None:
    """Take back a hold whose vendor was not called: there is nothing to settle."""
    await _settling().do((hold_id, None))


async def settle(hold_id: UUID, outcome: Outcome) -> UsageRecord | None:
    """Turn a hold into its ledger row, and return that row, whoever has written it.

    None if there is neither hold nor row. Waits while the database is away.
    """
    return await _settling().do((hold_id, outcome))


def settle_now(hold_id: UUID, outcome: Outcome) -> UsageRecord | None:
    """`settle` for sync code."""
    return settle_all([(hold_id, outcome)])[0]


async def drain() -> None:
    """Return when this process has written what it was told: before it ends."""
    await _placing().drain()
    await _settling().drain()


def abandoned() -> QuerySet[Hold]:
    """The holds of processes that no longer live, oldest first.

    Later than others notice that death: who knows what a call had written settles it before.
    """
    alive = heartbeat.living(patience=3.0).filter(id=OuterRef("process_id"))
    return Hold.objects.filter(~Exists(alive)).order_by("created_at")


def place_all(placements: Sequence[Placement]) -> list[BudgetExceeded | None]:
    """Place holds, one after the other as they stand; the refusals of those that are refused."""
    process_id = heartbeat.process_id()  # it may have to wait for a connection: before we have one
    return _place([{**p, "process_id": process_id, "amount_nano": _amount(p)} for p in placements])


_INSERT = f"""
    INSERT INTO billing_hold ({names(Hold)})
    SELECT {names(Hold)} FROM json_populate_recordset(NULL::billing_hold, %s)
"""  # noqa: S608  # names of columns


@transaction.atomic
def _place(rows: Sequence[Placement]) -> list[BudgetExceeded | None]:
    counters.share()
    counted = Counters(rows, opening=True)
    refusals = [budgets.take(counted.of(row), row["amount_nano"]) for row in rows]
    placed = [row for row, refusal in zip(rows, refusals, strict=True) if refusal is None]
    execute(_INSERT, [orjson.dumps(placed).decode()])
    counted.store()
    return refusals


_COLUMNS = [field.attname for field in UsageRecord._meta.concrete_fields]


@transaction.atomic
def settle_all(endings: Sequence[Ending]) -> list[UsageRecord | None]:
    """End holds: the ledger rows, in the order of `endings`, of those that have one."""
    outcomes: dict[UUID, Outcome | None] = {}
    for hold_id, outcome in endings:
        # Of two endings of one call the first counts: the sweeper may meet the call's own end here.
        outcomes.setdefault(hold_id, outcome)
    counters.share()
    held = _take_out(list(outcomes))
    counted = Counters(list(held.values()), opening=False)
    rows = {}
    for hold_id, hold in held.items():
        if outcome := outcomes[hold_id]:
            rows[hold_id] = ledger.row_of(hold, outcome)
        for counter in counted.of(hold):
            counter.held -= hold["amount_nano"]
            counter.spent += rows[hold_id]["charged_nano"] if hold_id in rows else 0
    ledger.append(list(rows.values()))
    counted.store()
    records = {
        hold_id: UsageRecord.from_db(None, _COLUMNS, [row[name] for name in _COLUMNS])
        for hold_id, row in rows.items()
    }
    # Settled before, by another process or in a try whose answer got lost: the row is there.
    gone = [hold_id for hold_id in outcomes if hold_id not in held]
    if gone:
        records |= UsageRecord.objects.in_bulk(gone)
    return [records.get(hold_id) for hold_id, _ in endings]


def _amount(placement: Placement) -> int:
    """The most that the call may cost, within what the columns can add up."""
    into, output = placement.get("most_input_tokens"), placement["max_output_tokens"]
    most = pricing.bound(
        placement["provider"],
        placement["model"],
        placement["created_at"],
        placement["estimated_input_tokens"] if into is None else into,
        settings.UNKNOWN_OUTPUT_TOKENS if output is None else output,
    )
    return min(most, _A_MILLION_DOLLARS)


_HELD = [field.attname for field in Hold._meta.concrete_fields]
_TAKE_OUT = f"""
    WITH locked AS (SELECT id FROM billing_hold WHERE id = ANY(%s) ORDER BY id FOR UPDATE)
    DELETE FROM billing_hold USING locked WHERE billing_hold.id = locked.id
    RETURNING {names(Hold, "billing_hold")}
"""  # noqa: S608  # names of columns


def _take_out(ids: list[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Delete holds, and return the columns of those that were there."""
    rows = (dict(zip(_HELD, row, strict=True)) for row in execute(_TAKE_OUT, [ids]))
    return {row["id"]: row for row in rows}


async def _place_batch(placements: Sequence[Placement]) -> Sequence[BudgetExceeded | None]:
    return await in_database(place_all, placements)


async def _settle_batch(endings: Sequence[Ending]) -> Sequence[UsageRecord | None]:
    return await in_database_patiently(settle_all, endings)


_placing: PerLoop[Batcher[Placement, None]] = PerLoop(lambda: Batcher(_place_batch))
_settling: PerLoop[Batcher[Ending, UsageRecord | None]] = PerLoop(lambda: Batcher(_settle_batch))
_background: set[asyncio.Task[None]] = set()


def _remember(task: asyncio.Task[None]) -> None:
    """Keep a task that nobody awaits: the loop itself would not."""
    _background.add(task)
    task.add_done_callback(_background.discard)
