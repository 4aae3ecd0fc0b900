from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from billing import holds
from billing.ledger import Outcome
from billing.models import Hold, UsageRecord, UsageSource, UsageStatus
from billing.purposes import Purpose
from billing.usage import Usage
from providers.tasks import sweep
from rini.models import Process

OUTCOME = Outcome(UsageStatus.COMPLETED, Usage(7, output_tokens=5), UsageSource.VENDOR)


@pytest.fixture
def hold(database: None) -> Hold:
    """A hold of a process that never lived."""
    return Hold.objects.create(
        user_id=uuid4(),
        purpose=Purpose.CHAT,
        message_id=4,
        provider="local",
        model="m",
        process_id=uuid4(),
        estimated_input_tokens=11,
    )


def settle(hold: Hold) -> UsageRecord | None:
    try:
        return holds.settle_now(hold.id, OUTCOME)
    finally:
        connection.close()


def test_a_hold_becomes_one_row_under_its_id(hold: Hold) -> None:
    record = settle(hold)
    assert record is not None
    assert UsageRecord.objects.get().id == record.id == hold.id
    assert (record.input_tokens, record.output_tokens, record.message_id) == (7, 5, 4)
    assert not Hold.objects.exists()


def test_settling_twice_gives_the_row_of_the_first_time(hold: Hold) -> None:
    first = settle(hold)
    other = Outcome(UsageStatus.FAILED, Usage(1, output_tokens=1), UsageSource.VENDOR)
    assert holds.settle_now(hold.id, other) == first
    row = UsageRecord.objects.get()
    assert (row.status, row.input_tokens) == ("completed", 7)


def test_many_who_settle_at_once_make_one_row(hold: Hold) -> None:
    with ThreadPoolExecutor(8) as threads:
        records = set(threads.map(settle, [hold] * 8))
    assert records == {UsageRecord.objects.get()}


def test_a_hold_that_is_released_leaves_no_row(hold: Hold) -> None:
    assert holds.settle_all([(hold.id, None)]) == [None]
    assert not Hold.objects.exists()
    assert settle(hold) is None
    assert not UsageRecord.objects.exists()


@pytest.mark.parametrize("beaten_ago", [None, 60.0])
def test_a_hold_of_a_dead_process_is_swept_as_interrupted(
    hold: Hold, settings: Any, beaten_ago: float | None
) -> None:
    settings.PROCESS_DEAD_AFTER_SECONDS = 1.0
    if beaten_ago is not None:
        past = timezone.now() - timedelta(seconds=beaten_ago)
        Process.objects.create(id=hold.process_id, started_at=past, beat_at=past)
    assert sweep() == 1
    row = UsageRecord.objects.get()
    assert (row.status, row.usage_source) == ("interrupted", "estimated")
    assert (row.input_tokens, row.output_tokens) == (11, 0)
    assert sweep() == 0


def test_a_hold_of_a_living_process_is_left_alone(hold: Hold) -> None:
    now = timezone.now()
    Process.objects.create(id=hold.process_id, started_at=now, beat_at=now)
    assert sweep() == 0
    assert Hold.objects.get() == hold
