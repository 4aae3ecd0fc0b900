"""When a budget's window begins and ends: a pure function of time, so that nothing resets it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Where the one window of period ``total`` starts."""


class Window(NamedTuple):
    """From `starts_at` up to, and without, `ends_at` (None: it never ends). Both in UTC."""

    starts_at: datetime
    ends_at: datetime | None


def window(period: str, timezone: str, at: datetime) -> Window:
    """The window of a period (``day``, ``week`` from Monday, ``month``, ``total``) around `at`.

    Days begin at midnight of the zone's clock; where that hour does not exist, when it would have.
    """
    if period == "total":
        return Window(BEGINNING, None)
    zone = ZoneInfo(timezone)
    first, after = _days(period, at.astimezone(zone).date())
    return Window(_midnight(first, zone), _midnight(after, zone))


def _days(period: str, day: date) -> tuple[date, date]:
    if period == "day":
        return day, day + timedelta(days=1)
    if period == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
