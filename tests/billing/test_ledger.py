from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection

from billing import holds, partitions
from billing.ledger import Outcome
from billing.models import Hold, Price, UsageRecord, UsageSource, UsageStatus
from billing.usage import Usage
from tests.conftest import User
from tests.vendors.script import Script, Tokens
from tests.vendors.stage import Stage

KEY = {"api_key_value": "sk-alice-0123456789abcdef"}


def ask(user: User, **body: Any) -> None:
    body = {"text": "질문", "provider": "openai", "model": "gpt-4o-mini", **body}
    user.post("/api-keys/", json={"model_provider": body["provider"], **KEY})
    answer = user.post("/llm/text-completion/", json=body)
    assert answer.status_code == 200, answer.text


def price(provider: str, model: str) -> Price:
    return Price.objects.filter(provider=provider, model=model, above_input_tokens=0).latest(
        "effective_from"
    )


def append(**fields: Any) -> UsageRecord:
    """The row of a call that has ended."""
    hold = Hold.objects.create(
        **{
            "user_id": uuid4(),
            "purpose": "chat",
            "provider": "local",
            "model": "m",
            "process_id": uuid4(),
            **fields,
        }
    )
    outcome = Outcome(UsageStatus.COMPLETED, Usage(5, output_tokens=3), UsageSource.VENDOR)
    record = holds.settle_now(hold.id, outcome)
    assert record is not None
    return record


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-mini"),
        ("anthropic", "claude-sonnet-4-5"),
        ("google", "gemini-2.5-flash"),
    ],
)
def test_a_call_is_one_row_with_the_vendors_counts_and_its_price(
    alice: User, stage: Stage, provider: str, model: str, stream: bool
) -> None:
    stage.next(Script(usage=Tokens(input=1000, output=300, cached=600)))
    ask(alice, provider=provider, model=model, stream=stream)
    row = UsageRecord.objects.get()
    assert (row.provider, row.model, row.purpose) == (provider, model, "chat")
    assert str(row.user_id) == alice.user_id
    assert (row.input_tokens, row.cached_input_tokens, row.output_tokens) == (1000, 600, 300)
    assert (row.status, row.usage_source) == ("completed", "vendor")
    rates = price(provider, model)
    assert rates.cached_input_rate
    exact = 400 * rates.input_rate + 600 * rates.cached_input_rate + 300 * rates.output_rate
    assert row.cost_nano == (exact + 500_000) // 1_000_000
    assert row.price_id == rates.pk
    assert not Hold.objects.exists()


def test_reasoning_is_part_of_the_output(alice: User, stage: Stage) -> None:
    stage.next(Script(reasoning=["음"], usage=Tokens(input=10, output=50, reasoning=40)))
    ask(alice)
    row = UsageRecord.objects.get()
    assert (row.output_tokens, row.reasoning_tokens) == (50, 40)


@pytest.mark.parametrize("stream", [False, True])
def test_counts_that_a_vendor_does_not_tell_are_estimated(
    alice: User, stage: Stage, stream: bool
) -> None:
    stage.next(Script(pieces=["one two three four"], usage=None))
    ask(alice, stream=stream)
    row = UsageRecord.objects.get()
    assert (row.usage_source, row.output_tokens) == ("estimated", 4)
    assert row.input_tokens
    assert row.cost_nano


def test_an_unknown_price_is_an_unknown_cost(database: None) -> None:
    record = append(provider="openai", model="of-no-known-price")
    assert (record.cost_nano, record.price_id) == (None, None)


def test_what_costs_nothing_costs_nothing(alice: User, stage: Stage) -> None:
    ask(alice, provider="local", model="m")
    assert UsageRecord.objects.get().cost_nano == 0


def test_a_turn_is_told_with_its_session_and_message(alice: User, stage: Stage) -> None:
    session_id = alice.post("/sessions/", json={}).json()["id"]
    ask(alice, session_id=session_id)
    row = UsageRecord.objects.get()
    answer = alice.get(f"/sessions/{session_id}/messages/").json()[-1]
    assert (str(row.session_id), row.message_id) == (session_id, answer["id"])
    assert answer["cost"] == f"{(row.cost_nano or 0) / 1e9:.9f}"
    assert row.time_to_first_token_ms is not None
    assert row.duration_ms is not None
    assert row.duration_ms >= row.time_to_first_token_ms


def test_the_database_refuses_to_change_or_delete_a_row(database: None) -> None:
    row = append()
    for statement in (
        "UPDATE billing_usagerecord SET cost_nano = 0",
        "UPDATE billing_usagerecord SET created_at = created_at + interval '1 year'",
        "DELETE FROM billing_usagerecord",
        f"DELETE FROM billing_usagerecord_{row.created_at:%Y_%m}",
    ):
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement)
    assert UsageRecord.objects.get() == row


def partitions_there() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'billing_usagerecord'::regclass"
        )
        return {row[0] for row in cursor.fetchall()}


def test_partitions_are_made_ahead_once(database: None) -> None:
    assert partitions.make_partitions() == []
    made = partitions.make_partitions(date(2031, 11, 30))
    assert made == [
        f"billing_usagerecord_{month}" for month in ("2031_11", "2031_12", "2032_01", "2032_02")
    ]
    assert set(made) < partitions_there()
    assert partitions.make_partitions(date(2031, 11, 1)) == []
    append(created_at=datetime(2031, 12, 31, 23, 59, 59, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM billing_usagerecord_2031_12")
        assert cursor.fetchone() == (1,)


def test_a_month_without_a_partition_loses_no_row_and_hinders_no_other(database: None) -> None:
    append(created_at=datetime(2035, 5, 5, tzinfo=UTC))
    assert UsageRecord.objects.count() == 1
    made = partitions.make_partitions(date(2035, 5, 6))
    assert "billing_usagerecord_2035_06" in made
    append(created_at=datetime(2035, 5, 7, tzinfo=UTC))
    assert UsageRecord.objects.count() == 2
