"""What a report is asked for: whose calls, of which time, in which time zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from accounts.authentication import Caller
from accounts.permissions import refuse_strangers
from billing.periods import is_timezone
from rini.errors import InvalidInput

EVERYBODY = "all"
SEE_ALL = "billing.view_usagerecord"
_WHEN = (
    "A date in `timezone` (the whole day is in), or a moment as `2026-11-20T09:30:00Z`; a moment "
    "without an offset is one in `timezone`."
)
PARAMETERS = [
    OpenApiParameter("start_date", str, description=_WHEN),
    OpenApiParameter("end_date", str, description=f"{_WHEN} The moment itself is not in."),
    OpenApiParameter("timezone", str, description="As `Asia/Seoul`; else UTC."),
    OpenApiParameter("session_id", OpenApiTypes.UUID),
    OpenApiParameter("provider", str),
    OpenApiParameter("model", str),
    OpenApiParameter("user_id", str, description="For operators: somebody else's, or `all`."),
]


@dataclass(frozen=True, slots=True)
class Filters:
    """`since` is in, `until` is not; None is no limit. No `user_id`: everybody's calls."""

    user_id: UUID | None
    since: datetime | None = None
    until: datetime | None = None
    timezone: str = "UTC"
    session_id: UUID | None = None
    provider: str | None = None
    model: str | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns that have to have a value; ledger and rollups have the same."""
        wanted = {name: getattr(self, name) for name in ("user_id", "session_id", *_NAMES)}
        return {name: value for name, value in wanted.items() if value is not None}


def read(query: Mapping[str, str], caller: Caller) -> Filters:
    """The filters in a query string. Raises `InvalidInput`, or `Forbidden` for others' calls."""
    timezone = query.get("timezone") or "UTC"
    if not is_timezone(timezone):
        raise _invalid("timezone", f"{timezone[:60]!r} is no time zone; “Asia/Seoul” is one.")
    zone = ZoneInfo(timezone)
    since, until = (
        _moment(query.get("start_date"), "start_date", zone),
        _moment(query.get("end_date"), "end_date", zone),
    )
    if since and until and since > until:
        raise _invalid("end_date", "The end is before the start.")
    return Filters(
        user_id=_user(query.get("user_id"), caller),
        since=since,
        until=until,
        timezone=timezone,
        session_id=_uuid("session_id", query["session_id"]) if query.get("session_id") else None,
        provider=query.get("provider") or None,
        model=query.get("model") or None,
    )


_NAMES = ("provider", "model")


def _user(asked: str | None, caller: Caller) -> UUID | None:
    if not asked:
        return caller.user.id
    user_id = None if asked == EVERYBODY else _uuid("user_id", asked)
    if user_id == caller.user.id:
        return user_id
    refuse_strangers(caller, SEE_ALL, "see what others have used")
    return user_id


def _moment(text: str | None, name: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    for found in _parsed(text.replace(" ", "+")):
        if isinstance(found, datetime):
            at = found if found.tzinfo else found.replace(tzinfo=zone)
        else:
            day = found + timedelta(days=1) if name == "end_date" else found
            at = datetime(day.year, day.month, day.day, tzinfo=zone)
        return at.astimezone(UTC)
    raise _invalid(name, f"{text[:60]!r} is neither a date nor a moment.")


def _parsed(text: str) -> Iterator[date | datetime]:
    try:
        found = parse_date(text) or parse_datetime(text)
    except ValueError:
        return
    if found is not None and 1970 <= found.year <= 2999:
        yield found


def _uuid(name: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _invalid(name, f"{text[:60]!r} is no id.") from None


def _invalid(name: str, message: str) -> InvalidInput:
    return InvalidInput(errors={name: [message]})
