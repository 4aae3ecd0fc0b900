"""Sums of the ledger by quarters of an hour, written in the statement that writes its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

MINUTES = 15
KEYS = ("user_id", "bucket", "provider", "model", "purpose", "token_id", "session_id")
SUMS = (
    *("calls", "input_tokens", "cached_input_tokens", "output_tokens"),
    *("cost_nano", "charged_nano", "unpriced_calls"),
)
_UNSET = UUID(int=0)


def bucket_of(at: datetime) -> datetime:
    """The beginning of the quarter of an hour around `at`."""
    return at.replace(minute=at.minute - at.minute % MINUTES, second=0, microsecond=0)


def entries(
    rows: Sequence[Mapping[str, Any]], priced_now: Collection[UUID] = ()
) -> list[dict[str, Any]]:
    """What ledger rows add to which sums, for `ADD`.

    `priced_now` are the ids of those rows that give a call without a price its first cost.
    """
    sums: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        key = (row["user_id"], bucket_of(row["created_at"]), *(row[name] for name in KEYS[2:]))
        total = sums.setdefault(key, [0] * len(SUMS))
        for at, value in enumerate(_values(row, priced_now)):
            total[at] += value
    return [
        dict(zip((*KEYS, *SUMS), (*key, *sums[key]), strict=True))
        for key in sorted(sums, key=_order)
    ]


def _values(row: Mapping[str, Any], priced_now: Collection[UUID]) -> tuple[int, ...]:
    is_call = row["corrects_id"] is None
    unpriced = int(row["cost_nano"] is None) if is_call else -int(row["id"] in priced_now)
    return (
        int(is_call),
        *(row[name] or 0 for name in SUMS[1:-1]),
        unpriced,
    )


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """One order for all who lock several sums."""
    return tuple(_UNSET if part is None else part for part in key)


ADD = f"""
    INSERT INTO billing_rollup AS known ({", ".join((*KEYS, *SUMS))})
    SELECT {", ".join((*KEYS, *SUMS))} FROM json_populate_recordset(NULL::billing_rollup, %s)
    ON CONFLICT ({", ".join(KEYS)})
    DO UPDATE SET {", ".join(f"{name} = known.{name} + excluded.{name}" for name in SUMS)}
"""  # noqa: S608  # names of columns from above
