"""The ledger's partitions: one a month, made ahead, and a default one that refuses no row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from psycopg import sql

from rini.storage.statements import execute

MONTHS_AHEAD = 3
LEDGER = "billing_usagerecord"
_NAME = re.compile(rf"{LEDGER}_(\d{{4}})_(\d{{2}})")


def make_partitions(today: date | None = None) -> list[str]:
    """Make the partitions of this month and the next ones that do not exist; their names."""
    made = []
    for first, after in _months(today or datetime.now(UTC).date()):
        name = f"{LEDGER}_{first:%Y_%m}"
        if name not in _partitions():
            _make(name, first, after)
            made.append(name)
    return made


def expired(months: int, today: date | None = None) -> list[str]:
    """The partitions of the months before the last `months` whole ones, oldest first."""
    if months < 1:
        raise ValueError("A ledger of less than one whole month would lose rows that budgets need.")
    first = (today or datetime.now(UTC).date()).replace(day=1)
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
    named = ((_NAME.fullmatch(name), name) for name in sorted(_partitions()))
    return [
        name for match, name in named if match and date(int(match[1]), int(match[2]), 1) < first
    ]


# Rather try again tomorrow than let every call wait behind this one.
_SHORT_WAIT = "SET LOCAL lock_timeout = '5s'"
_DROP = sql.SQL("DROP TABLE {}")


def drop_partitions(months: int) -> list[str]:
    """Drop what is `expired`, rows and all; their names. The rollups stay."""
    dropped = expired(months)
    for name in dropped:
        with transaction.atomic():
            execute(_SHORT_WAIT)
            execute(_DROP.format(sql.Identifier(name)))
    return dropped


_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"


def _partitions() -> set[str]:
    return {name for (name,) in execute(_PARTITIONS, [LEDGER])}


_STEPS = (
    "LOCK TABLE {ledger} IN ACCESS EXCLUSIVE MODE",
    "CREATE TABLE {partition} (LIKE {ledger} INCLUDING DEFAULTS)",
    """INSERT INTO {partition}
       SELECT * FROM {default} WHERE created_at >= {first} AND created_at < {after}""",
    "ALTER TABLE {default} DISABLE TRIGGER USER",
    "DELETE FROM {default} WHERE created_at >= {first} AND created_at < {after}",
    "ALTER TABLE {default} ENABLE TRIGGER USER",
    "ALTER TABLE {ledger} ATTACH PARTITION {partition} FOR VALUES FROM ({first}) TO ({after})",
)


@transaction.atomic
def _make(name: str, first: date, after: date) -> None:
    """Make a month's partition. Rows of it that fell into the default one move over."""
    names = {
        "partition": sql.Identifier(name),
        "ledger": sql.Identifier(LEDGER),
        "default": sql.Identifier(f"{LEDGER}_other"),
        "first": sql.Literal(f"{first} 00:00:00+00"),
        "after": sql.Literal(f"{after} 00:00:00+00"),
    }
    for statement in _STEPS:
        execute(sql.SQL(statement).format(**names))


def _months(today: date) -> Iterator[tuple[date, date]]:
    first = today.replace(day=1)
    for _ in range(MONTHS_AHEAD + 1):
        after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        yield first, after
        first = after
