"""What a report is asked for: whose calls, of which time, in which time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from accounts.authentication import Caller
from accounts.permissions import refuse_strangers
from rini.errors import InvalidInput
from rini.translation import gettext as _
from rini.translation import gettext_noop
from rini.web import query

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


def read(source: query.Source, caller: Caller) -> Filters:
    """The filters in a query string. Raises `InvalidInput`, or `Forbidden` for others' calls."""
    timezone = query.timezone(source, "timezone") or "UTC"
    zone = ZoneInfo(timezone)
    since = query.moment(source, "start_date", zone)
    until = query.moment(source, "end_date", zone, through=True)
    if since and until and since > until:
        raise InvalidInput(errors={"end_date": [_("The end is before the start.")]})
    return Filters(
        user_id=_user(source, caller),
        since=since,
        until=until,
        timezone=timezone,
        session_id=query.uuid(source, "session_id"),
        provider=query.text(source, "provider"),
        model=query.text(source, "model"),
    )


_NAMES = ("provider", "model")
_REFUSAL = gettext_noop(
    "Only operators with the permission %(permission)s may see what others have used, and only "
    "with an access token."
)


def _user(source: query.Source, caller: Caller) -> UUID | None:
    asked = query.text(source, "user_id") or str(caller.user.id)
    user_id = None if asked == EVERYBODY else query.uuid(source, "user_id") or caller.user.id
    if user_id != caller.user.id:
        refuse_strangers(caller, SEE_ALL, _REFUSAL)
    return user_id
