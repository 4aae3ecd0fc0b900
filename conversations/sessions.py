"""Sessions as their users make and change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.db import transaction

from accounts.models import User
from conversations import room, search
from conversations.models import Session


@transaction.atomic
def begin(user: User, fields: Mapping[str, Any]) -> Session:
    """A new session with these columns, which can be found by its title."""
    _take_room(user, fields)
    session = Session.objects.create(user=user, **fields)
    search.index_title(session)
    return session


@transaction.atomic
def change(session: Session, fields: Mapping[str, Any]) -> None:
    """Change what is given and nothing else: an answer may begin at the same time."""
    _take_room(session.user, fields)
    for name, value in fields.items():
        setattr(session, name, value)
    session.save(update_fields=[*fields, "updated_at"])
    if "alias" in fields:
        search.index_title(session)


def _take_room(user: User, fields: Mapping[str, Any]) -> None:
    own = orjson.dumps(fields.get("metadata", {}))
    room.take(user.pk, fields.get("system_prompt", ""), size=len(own), messages=0)
