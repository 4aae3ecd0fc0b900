"""Sums of what was used: from the rollups, and from the rows where a time cuts through a rollup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, assert_never
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max, Min
from psycopg import sql

from billing import periods
from billing.filters import Filters
from billing.models import Period, Rollup
from billing.rollups import MINUTES, SUMS, bucket_of
from rini.storage.statements import execute

_Time = Literal["hour", "day", "week", "month"]
GroupBy = Literal["hour", "day", "week", "month", "model", "provider", "session", "purpose"]
SHOWN = tuple(name for name in SUMS if name != "charged_nano")
QUARTER = timedelta(minutes=MINUTES)
_FORMATS = {"day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}


class Sums(NamedTuple):
    """The sums of a group. `cost_nano` is without the `unpriced_calls`, whose cost is unknown."""

    group: str | None
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_nano: int
    unpriced_calls: int


def summary(filters: Filters, group_by: GroupBy) -> list[Sums]:
    """The sums by hour, day, week (its Monday) or month of the filters' time zone, oldest first;
    or by model, provider, session or purpose, the dearest first."""
    match group_by:
        case "model" | "provider" | "session" | "purpose":
            return _by_column(filters, _COLUMN[group_by])
        case "hour" | "day" | "week" | "month":
            return _by_time(filters, group_by)
        case never:
            assert_never(never)


def _by_column(filters: Filters, column: sql.Composable) -> list[Sums]:
    rows = _sums(filters, column, "cost_nano DESC, 1")
    return [Sums(None if group is None else str(group), *sums) for group, *sums in rows]


def _by_time(filters: Filters, unit: _Time) -> list[Sums]:
    zone = ZoneInfo(filters.timezone)
    starts = list(_starts(filters, unit, zone))
    if not starts:
        return []
    # PostgreSQL finds each row's group among them; the calendar is not asked for every row.
    group = sql.SQL("width_bucket(at, {})").format(sql.Literal(starts))
    return [
        Sums(_named(starts[number - 1].astimezone(zone), unit), *sums)
        for number, *sums in _sums(filters, group, "1")
    ]


def total(groups: Sequence[Sums]) -> Sums:
    """The sums of all groups together."""
    return Sums(None, *(sum(getattr(group, name) for group in groups) for name in SHOWN))


# Tens of thousands of sessions: their sums fit, so that nothing is sorted on disk.
_ENOUGH_MEMORY = "SET LOCAL work_mem = '128MB'"


def _sums(filters: Filters, group: sql.Composable, order: str) -> list[tuple[Any, ...]]:
    columns = sql.SQL(", ").join(
        sql.SQL("sum({0})::bigint AS {0}").format(sql.Identifier(name)) for name in SHOWN
    )
    parts = sql.SQL(" UNION ALL ").join(_parts(filters))
    query = sql.SQL("SELECT {}, {} FROM ({}) AS parts GROUP BY 1 ORDER BY {}").format(
        group, columns, parts, sql.SQL(order)
    )
    with transaction.atomic():
        execute(_ENOUGH_MEMORY)
        return execute(query)


def _starts(filters: Filters, unit: _Time, zone: ZoneInfo) -> Iterator[datetime]:
    """The beginnings of the hours, days, weeks or months in which there may be something."""
    found = Rollup.objects.filter(**({"user_id": filters.user_id} if filters.user_id else {}))
    if filters.since:
        found = found.filter(bucket__gte=bucket_of(filters.since))
    if filters.until:
        found = found.filter(bucket__lt=filters.until)
    first, last = found.aggregate(first=Min("bucket"), last=Max("bucket")).values()
    if first is None:
        return
    yield from (
        _hours(first, last, zone)
        if unit == "hour"
        else _windows(Period(unit), filters.timezone, first, last)
    )


def _hours(first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """By the clock's minutes, not by adding hours: some clocks are changed by half an hour."""
    at = first - 3 * QUARTER
    while at <= last:
        if at.astimezone(zone).minute == 0:
            yield at
        at += QUARTER


def _windows(period: Period, timezone: str, first: datetime, last: datetime) -> Iterator[datetime]:
    starts_at, ends_at = periods.window(period, timezone, first)
    yield starts_at
    while ends_at is not None and ends_at <= last:
        starts_at, ends_at = periods.window(period, timezone, ends_at)
        yield starts_at


def _named(local: datetime, unit: _Time) -> str:
    return local.isoformat() if unit == "hour" else local.strftime(_FORMATS[unit])


_SAME = "session_id, provider, model, purpose"
_ROLLUPS = sql.SQL(
    f"SELECT bucket AS at, {_SAME}, {', '.join(SHOWN)} FROM billing_rollup"  # noqa: S608  # constants
)
# A call without a price counts as unpriced until a correction has given it one.
_ROWS = sql.SQL("""
    SELECT date_bin('15 minutes', created_at, '2000-01-01T00:00Z') AS at,
        session_id, provider, model, purpose, (corrects_id IS NULL)::int AS calls,
        coalesce(input_tokens, 0) AS input_tokens,
        coalesce(cached_input_tokens, 0) AS cached_input_tokens,
        coalesce(output_tokens, 0) AS output_tokens, coalesce(cost_nano, 0) AS cost_nano,
        (cost_nano IS NULL AND NOT EXISTS (
            SELECT FROM billing_usagerecord later WHERE later.corrects_id = record.id
        ))::int AS unpriced_calls
    FROM billing_usagerecord record
""")


def _parts(filters: Filters) -> Iterator[sql.Composable]:
    """The rollups that lie within the time as a whole, and the rows before and behind them."""
    since, until = filters.since, filters.until
    first = None if since is None else bucket_of(since + QUARTER - timedelta(microseconds=1))
    last = None if until is None else bucket_of(until)
    if first and last and first > last:
        yield _part(filters, _ROWS, "created_at", since, until)
        return
    yield _part(filters, _ROLLUPS, "bucket", first, last)
    if since != first:
        yield _part(filters, _ROWS, "created_at", since, first)
    if until != last:
        yield _part(filters, _ROWS, "created_at", last, until)


def _part(
    filters: Filters, table: sql.SQL, time: str, since: datetime | None, until: datetime | None
) -> sql.Composable:
    conditions = [
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in filters.columns.items()
    ]
    for comparison, moment in ((">=", since), ("<", until)):
        if moment is not None:
            conditions.append(
                sql.SQL("{} {} {}").format(
                    sql.Identifier(time), sql.SQL(comparison), sql.Literal(moment)
                )
            )
    return table + sql.SQL(" WHERE ") + sql.SQL(" AND ").join([sql.SQL("true"), *conditions])


_COLUMN = {
    "model": sql.SQL("provider || '/' || model"),
    "provider": sql.SQL("provider"),
    "session": sql.SQL("session_id"),
    "purpose": sql.SQL("purpose"),
}
