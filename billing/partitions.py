"""The ledger's partitions: one a month, made ahead, and a default one that refuses no row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from psycopg import sql

MONTHS_AHEAD = 3
LEDGER = "billing_usagerecord"


def make_partitions(today: date | None = None) -> list[str]:
    """Make the partitions of this month and the next ones that do not exist; their names."""
    made = []
    with connection.cursor() as cursor:
        for first, after in _months(today or datetime.now(UTC).date()):
            name = f"{LEDGER}_{first:%Y_%m}"
            cursor.execute("SELECT to_regclass(%s)", [name])
            if cursor.fetchone() == (None,):
                cursor.execute(_statement(name, first, after))
                made.append(name)
    return made


def _statement(name: str, first: date, after: date) -> sql.Composed:
    return sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(name),
        sql.Identifier(LEDGER),
        sql.Literal(f"{first} 00:00:00+00"),
        sql.Literal(f"{after} 00:00:00+00"),
    )


def _months(today: date) -> Iterator[tuple[date, date]]:
    first = today.replace(day=1)
    for _ in range(MONTHS_AHEAD + 1):
        after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        yield first, after
        first = after
