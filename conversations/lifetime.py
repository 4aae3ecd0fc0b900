"""How long sessions last: most until they are deleted, some for a time after their last use.

A session that has run out is seen by nobody (`SessionQuerySet`) from that moment on;
its rows go when `delete_expired` comes by.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import User
from conversations import room
from conversations.answering import stopping, transcript
from conversations.models import (
    Generation,
    GenerationStatus,
    MemoryMode,
    Session,
)
from conversations.visibility import GenerationQuerySet, unexpired
from providers import keys
from rini.storage.database import in_database

DELETED_AT_ONCE = 1000


def create(user: User, expires_after: timedelta, metadata: dict[str, Any]) -> Session:
    """A session that runs out. It takes no part in the user's memory."""
    room.take(user.pk, size=len(orjson.dumps(metadata)), messages=0)
    return Session.objects.create(
        user=user,
        metadata=metadata,
        memory_mode=MemoryMode.DISABLED,
        expires_after=expires_after,
    )


def use(user: User, session_id: UUID) -> Session:
    """The user's session, which lasts longer for being used. Raises `NotFound`."""
    mine = Session.objects.owned_by(user).filter(id=session_id)
    mine.update(last_accessed=timezone.now())
    return _own(user, session_id)


async def end(user: User, session_id: UUID) -> None:
    """Delete the user's session with its messages; what is being written in it is stopped first.

    Raises `NotFound`.
    """
    for generation_id in await in_database(_running, user, session_id):
        await stopping.stop(user, generation_id)
    await in_database(_delete, [session_id])


def delete_expired() -> int:
    """Delete the sessions that have run out, but for those in which an answer is being written."""
    writing = _writing().filter(session_id=OuterRef("id"))
    expired = Session.objects.exclude(unexpired()).filter(~Exists(writing))
    deleted = 0
    while ids := list(expired.values_list("id", flat=True)[:DELETED_AT_ONCE]):
        _delete(ids)
        deleted += len(ids)
    return deleted


def _running(user: User, session_id: UUID) -> list[UUID]:
    session = _own(user, session_id)
    return list(_writing().filter(session=session).values_list("id", flat=True))


def _own(user: User, session_id: UUID) -> Session:
    """Clients of other backends know nothing of sharing: what is not the user's does not exist."""
    if session := Session.objects.owned_by(user).filter(id=session_id).first():
        return session
    raise transcript.no_session(session_id)


def _writing() -> GenerationQuerySet:
    return Generation.objects.filter(status=GenerationStatus.RUNNING)


@transaction.atomic
def _delete(session_ids: Collection[UUID]) -> None:
    stopping.take_away(Generation.objects.filter(session_id__in=session_ids))
    keys.forget(session_ids)
    Session.objects.filter(id__in=session_ids).delete()
