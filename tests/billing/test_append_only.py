from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from billing import holds
from billing.models import Hold, Price, UsageRecord
from billing.purposes import Purpose
from billing.usage import Usage
from tests.billing.ledger_world import PROVIDER, outcome, placement, settled


@pytest.mark.parametrize("rows", [UsageRecord, Price])
def test_neither_ledger_nor_prices_can_be_changed_or_deleted(
    rows: type[UsageRecord] | type[Price], priced: None
) -> None:
    settled()
    for change in (lambda: rows.objects.update(model="다른"), lambda: rows.objects.all().delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()


def test_a_hold_that_is_settled_twice_gives_the_same_row(priced: None) -> None:
    placed = placement()
    holds.place_all([placed])
    first = holds.settle_now(placed["id"], outcome())
    again = holds.settle_now(placed["id"], outcome(Usage(input_tokens=1, output_tokens=1)))
    assert first is not None
    assert again is not None
    assert (again.id, again.cost_nano) == (first.id, first.cost_nano)
    assert UsageRecord.objects.count() == 1
    assert holds.settle_now(uuid4(), outcome()) is None


def test_the_row_that_settling_returns_is_the_one_that_is_stored(priced: None) -> None:
    returned = settled(token_id=uuid4(), session_id=uuid4(), message_id=5, request_id="r")
    stored = UsageRecord.objects.get()
    for field in UsageRecord._meta.concrete_fields:
        assert getattr(returned, field.attname) == getattr(stored, field.attname), field.name


def test_whatever_a_vendor_calls_itself_its_call_is_settled(priced: None) -> None:
    placed = placement()
    holds.place_all([placed])
    name = "모델\0\ud800" + "x" * 500
    record = holds.settle_now(placed["id"], outcome(model_answered=name, service_tier=name))
    assert record is not None
    assert record.model_answered.startswith("모델?x")
    assert not Hold.objects.exists()


async def test_calls_at_the_same_time_are_placed_and_settled(priced: None) -> None:
    ids = [uuid4() for _ in range(20)]
    payer = holds.Payer(uuid4(), Purpose.CHAT)
    placing = (
        holds.place(i, payer, provider=PROVIDER, model="모델", estimated_input_tokens=10)
        for i in ids
    )
    await asyncio.gather(*placing)
    records = await asyncio.gather(*(holds.settle(i, outcome()) for i in ids))
    assert [record.id for record in records if record] == ids


async def test_a_released_hold_leaves_no_row(priced: None) -> None:
    hold_id, payer = uuid4(), holds.Payer(uuid4(), Purpose.CHAT)
    await holds.place(hold_id, payer, provider=PROVIDER, model="모델", estimated_input_tokens=10)
    await holds.release(hold_id)
    assert await holds.settle(hold_id, outcome()) is None
    await holds.drain()
