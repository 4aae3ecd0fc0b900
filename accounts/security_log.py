"""The security log: one structured line for each event (logger ``security``), and a row that an
operator can read in the administration. Neither ever holds a secret.

What strangers and refused callers can cause without end (`REPEATED`) is one row an hour for each
event, account, token and place, with a count; and of each event there are no more than
`MOST_AN_HOUR` such rows: the rest goes into one. So nobody fills the disk.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from accounts.models import EventName, SecurityEvent
from rini.storage.statements import names
from rini.web import client
from rini.web.request_id import request_id

REPEATED = frozenset(
    {
        EventName.LOGIN_FAILED,
        EventName.LOGIN_LOCKED,
        EventName.REFRESH_REPLAYED,
        EventName.PASSWORD_REFUSED,
        EventName.SECOND_FACTOR_REFUSED,
        EventName.REFUSED,
        EventName.REGISTRATION_REFUSED,
    }
)
MOST_AN_HOUR = 1000
_NAMESPACE = UUID("6d1c5b0e-5e53-4c6b-9b0f-0a6b8f0e3f51")
_COLUMNS = names(SecurityEvent).removeprefix("id, ")
_ADD = f"""
    INSERT INTO accounts_securityevent AS kept ({_COLUMNS})
    VALUES ({", ".join(["%s"] * len(_COLUMNS.split(", ")))})
    ON CONFLICT (bucket) DO UPDATE SET count = kept.count + 1, last_at = excluded.last_at
"""  # noqa: S608  # names of columns
log = structlog.get_logger("security")


def note_caller(user_id: UUID, token_id: UUID | None) -> None:
    """Say who makes the current request, for what is recorded of it."""
    client.notes()["caller"] = (user_id, token_id)


def record(
    event: EventName,
    *,
    user_id: UUID | None = None,
    actor_id: UUID | None = None,
    token_id: UUID | None = None,
    address: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Log an event. `user_id` is whose account it is about, `actor_id` who did it.

    Whoever is not named is the current caller, and the address is the caller's. Within a
    transaction it is logged with the commit, or never. A database that is away costs the row, not
    the line and not the request.
    """
    caller, callers_token = client.notes().get("caller", (None, None))
    event_row = SecurityEvent(
        event=event.value,
        user_id=user_id or caller,
        actor_id=actor_id or caller or user_id,
        token_id=token_id or callers_token,
        address=client.address() if address is None else address,
        request_id=request_id(),
        details=dict(details or {}),
    )
    transaction.on_commit(partial(_write, event_row))


def _write(row: SecurityEvent) -> None:
    columns = ("user_id", "actor_id", "token_id", "address")
    known = {name: str(value) for name in columns if (value := getattr(row, name))}
    log.info(row.event, **known, **row.details)
    try:
        _store(row)
    except DatabaseError as error:
        log.warning("a security event was not stored", security_event=row.event, error=str(error))


def _store(row: SecurityEvent) -> None:
    if row.event in REPEATED:
        hour = row.at.replace(minute=0, second=0, microsecond=0)
        row.bucket = _bucket(row.event, hour, row.user_id, row.token_id, row.address)
        if _is_full(row, hour):
            row.bucket = _bucket(row.event, hour)
            row.user_id = row.actor_id = row.token_id = None
            row.address, row.details = "", {"more": True}
    fields = [field for field in SecurityEvent._meta.concrete_fields if field.attname != "id"]
    values = [f.get_db_prep_save(getattr(row, f.attname), connection) for f in fields]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ADD, values)


def _is_full(row: SecurityEvent, hour: datetime) -> bool:
    """Whether there is no room for another row of this hour."""
    known = SecurityEvent.objects.filter(event=row.event, at__gte=hour, bucket__isnull=False)
    return (
        not SecurityEvent.objects.filter(bucket=row.bucket).exists()
        and known[MOST_AN_HOUR : MOST_AN_HOUR + 1].exists()
    )


def _bucket(*parts: object) -> UUID:
    return uuid.uuid5(_NAMESPACE, "\0".join(map(str, parts)))


def forget(before: datetime) -> int:
    """Delete the rows that are older; how many."""
    return SecurityEvent.objects.filter(last_at__lt=before).delete()[0]
