"""The one reader of query parameters, for DRF's views and for endpoints.

Each function takes a request, or a mapping of names to texts, and gives None for a parameter that
is missing or empty: ``query.whole(request, "limit", least=1, most=100) or 10``. What is there and
wrong raises `InvalidInput` with a message on the parameter's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_date, parse_datetime

from rini.errors import InvalidInput
from rini.timezones import is_timezone
from rini.translation import gettext as _

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_YEARS = range(1970, 3000)
"""Of the moments that are taken: a day more or less stays within what `datetime` can hold."""


class HasQuery(Protocol):
    """A request of DRF's or of starlette's."""

    @property
    def query_params(self) -> Mapping[str, str]: ...


Source = HasQuery | Mapping[str, str]


def text(source: Source, name: str, *, most: int = 200) -> str | None:
    """A text of at most `most` characters, without NUL, which PostgreSQL does not keep."""
    value = _given(source, name)
    if value is not None and (len(value) > most or "\x00" in value):
        raise _invalid(
            name, _("Give a text of at most %(most)s characters, without NUL.") % {"most": most}
        )
    return value


def flag(source: Source, name: str) -> bool | None:
    """A switch: ``true`` or ``1``, ``false`` or ``0``, in any case."""
    value = _given(source, name)
    if value is None:
        return None
    if value.lower() not in _FLAGS:
        raise _invalid(name, _("Give true or false, not %(given)s.") % {"given": _shown(value)})
    return _FLAGS[value.lower()]


def choice(source: Source, name: str, choices: Iterable[str]) -> str | None:
    """One of `choices`."""
    value = _given(source, name)
    if value is not None and value not in choices:
        listed = ", ".join(choices)
        message = _("Give one of these: %(choices)s; not %(given)s.")
        raise _invalid(name, message % {"choices": listed, "given": _shown(value)})
    return value


def whole(source: Source, name: str, *, least: int = 0, most: int = 2**31 - 1) -> int | None:
    """A whole number from `least` (not below 0) to `most`."""
    value = _given(source, name)
    if value is None:
        return None
    # The length first: Python refuses to read thousands of digits.
    if value.isascii() and value.isdigit() and len(value) <= 19 and least <= int(value) <= most:
        return int(value)
    raise _invalid(
        name,
        _("Give a whole number from %(least)s to %(most)s, not %(given)s.")
        % {"least": least, "most": most, "given": _shown(value)},
    )


def message_id(source: Source, name: str) -> int | None:
    """The id of a message, or what could be one."""
    return whole(source, name, most=2**63 - 1)


def uuid(source: Source, name: str) -> UUID | None:
    """The id of anything but a message."""
    value = _given(source, name)
    try:
        return UUID(value) if value is not None else None
    except ValueError:
        raise _invalid(
            name, _("%(given)s is not an id.") % {"given": _shown(value or "")}
        ) from None


def timezone(source: Source, name: str) -> str | None:
    """The name of a time zone."""
    value = _given(source, name)
    if value is not None and not is_timezone(value):
        raise _invalid(
            name, _("%(given)s is not a time zone; “Asia/Seoul” is one.") % {"given": _shown(value)}
        )
    return value


def moment(source: Source, name: str, zone: ZoneInfo, *, through: bool = False) -> datetime | None:
    """A moment (ISO 8601), or the beginning of a date, in UTC; with `through` the date's end.

    A date, and a moment without an offset, are those of `zone`.
    """
    value = _given(source, name)
    if value is None:
        return None
    at = _parsed(value.replace(" ", "+"), through)  # a plus in a query reads as a blank
    if at is None:
        raise _invalid(
            name, _("%(given)s is neither a date nor a point in time.") % {"given": _shown(value)}
        )
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _parsed(value: str, through: bool) -> datetime | None:
    try:
        day, at = parse_date(value), parse_datetime(value)
    except ValueError:  # well-formed, but there is no such day
        return None
    if day is not None and day.year in _YEARS:
        return datetime(day.year, day.month, day.day) + timedelta(days=through)
    return at if day is None and at is not None and at.year in _YEARS else None


def _given(source: Source, name: str) -> str | None:
    # A request of starlette's is a mapping too, of other things.
    parameters: Mapping[str, str] = getattr(source, "query_params", cast(Mapping[str, str], source))
    return parameters.get(name) or None


def _shown(value: str) -> str:
    return repr(value[:60])


def _invalid(name: str, message: str) -> InvalidInput:
    return InvalidInput(errors={name: [message]})
