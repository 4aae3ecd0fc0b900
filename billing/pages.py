"""The ledger in pages, newest first. A page begins after the last row of the one before, so that
rows that are added meanwhile move nothing, and a late page costs no more than the first."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from billing.filters import Filters
from billing.models import LedgerQuerySet, UsageRecord
from rini.errors import InvalidInput
from rini.translation import gettext as _

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows(filters: Filters) -> LedgerQuerySet:
    """The rows that the filters leave, newest first."""
    found = UsageRecord.objects.filter(**filters.columns)
    if filters.since is not None:
        found = found.filter(created_at__gte=filters.since)
    if filters.until is not None:
        found = found.filter(created_at__lt=filters.until)
    return found.newest_first()


def page(filters: Filters, cursor: str | None, limit: int) -> tuple[list[UsageRecord], str | None]:
    """At most `limit` rows, and the cursor of the next page, if there is one."""
    found = rows(filters)
    if cursor:
        found = found.following(*_read(cursor))
    records = list(found[: limit + 1])
    return records[:limit], cursor_after(records[:limit]) if len(records) > limit else None


def cursor_after(records: Sequence[UsageRecord]) -> str:
    """Where the last of these rows stands."""
    last = records[-1]
    at = (last.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(at.to_bytes(8) + last.id.bytes).decode()


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        raw = base64.urlsafe_b64decode(cursor)
        at = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8]))
        return at, UUID(bytes=raw[8:])
    except (binascii.Error, ValueError, OverflowError):
        message = _("This is not a cursor: give the `next` of the previous page.")
        raise InvalidInput(errors={"cursor": [message]}) from None
