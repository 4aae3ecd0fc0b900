"""The ledger as CSV, streamed: it may have millions of rows."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable
from io import StringIO
from typing import Any

from billing import pages
from billing.filters import Filters
from billing.models import UsageRecord
from billing.usage import Usage
from rini.money import dollars
from rini.storage.database import in_database

ROWS_AT_ONCE = 2000
COLUMNS = (
    *("id", "created_at", "recorded_at", "request_id", "user_id", "token_id", "session_id"),
    *("message_id", "purpose", "provider", "model", "model_answered", "service_tier", "status"),
    *("usage_source", *Usage.__dataclass_fields__, "price_id", "corrects_id"),
    *("time_to_first_token_ms", "duration_ms"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def lines(filters: Filters) -> AsyncIterator[str]:
    """The header and the rows, newest first, some at a time."""
    yield _csv([(*COLUMNS, "cost")])
    cursor: str | None = None
    while True:
        records, cursor = await in_database(pages.page, filters, cursor, ROWS_AT_ONCE)
        yield _csv(map(_row, records))
        if cursor is None:
            return


def _row(record: UsageRecord) -> list[Any]:
    values = [_cell(getattr(record, name)) for name in COLUMNS]
    return [*values, dollars(record.cost_nano)]


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is marked as a text."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value.isoformat() if hasattr(value, "isoformat") else value


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
