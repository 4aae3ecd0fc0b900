"""When a budget's window begins and ends: a pure function of time, so that nothing resets it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

from billing.models import Period

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Where the one window of period ``total`` starts."""


class Window(NamedTuple):
    """From `starts_at` up to, and without, `ends_at` (None: it never ends). Both in UTC."""

    starts_at: datetime
    ends_at: datetime | None


def window(period: str, timezone: str, at: datetime) -> Window:
    """The window of a `Period` (a week begins on Monday) around `at`.

    Days begin at midnight of the zone's clock; where that hour does not exist, when it would have.
    Raises `ValueError` for a period that there is not.
    """
    zone = ZoneInfo(timezone)
    day = at.astimezone(zone).date()
    match Period(period):
        case Period.DAY:
            first, after = day, day + timedelta(days=1)
        case Period.WEEK:
            first = day - timedelta(days=day.weekday())
            after = first + timedelta(days=7)
        case Period.MONTH:
            first = day.replace(day=1)
            after = (first + timedelta(days=32)).replace(day=1)
        case Period.TOTAL:
            return Window(BEGINNING, None)
        case never:
            assert_never(never)
    return Window(_midnight(first, zone), _midnight(after, zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
