"""Sessions that a client knows by a name of its own: their ids follow from it, so that two requests
that begin one at once begin the same."""

from __future__ import annotations

from uuid import UUID, uuid5

import orjson

from accounts.models import User
from conversations import room
from conversations.answering import transcript
from conversations.models import Session


def find(user: User, name: str) -> Session | None:
    """The user's session of that id, or begun under that name."""
    mine = Session.objects.owned_by(user)
    return _of_id(user, name) or mine.filter(id=_id_of(user, name)).first()


def begun(user: User, name: str) -> Session:
    """`find`, or a new session of that name. Within the caller's transaction, until whose end
    nobody else changes its tree. Raises `StorageFull`."""
    if own := _of_id(user, name):
        return transcript.locked_session(user, own.id)
    id_, metadata = _id_of(user, name), {"chat_id": name}
    if not Session.objects.owned_by(user).filter(id=id_).exists():
        room.take(user.pk, size=len(orjson.dumps(metadata)), messages=0)
        Session.objects.get_or_create(id=id_, defaults={"user": user, "metadata": metadata})
    return transcript.locked_session(user, id_)


def _of_id(user: User, name: str) -> Session | None:
    try:
        return Session.objects.owned_by(user).filter(id=UUID(name)).first()
    except ValueError:
        return None


def _id_of(user: User, name: str) -> UUID:
    """No two users' are the same, and nobody finds another's by its name."""
    return uuid5(user.pk, name)
