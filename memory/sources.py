"""Where memories come from: sessions and messages, of which conversations, above, say whose they
are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from django.conf import settings

from accounts.models import User
from rini.errors import Conflict
from rini.translation import gettext_noop


class MemoryOff(Conflict):
    """Nothing is remembered here: the session, its user or the operator has switched it off."""

    code = "memory_disabled"
    detail = gettext_noop("Memory is switched off here.")


class Conversations(Protocol):
    """What memory asks about conversations."""

    def remembers(self, user: User, session_id: UUID) -> bool:
        """Whether the user's own session takes part in memory. Raises `NotFound`."""
        ...

    def owns(self, user: User, session_id: UUID) -> bool: ...

    def own_messages(self, user: User, ids: Iterable[int]) -> dict[int, UUID]:
        """Those of the messages that are the user's own, with their sessions."""
        ...

    def held_messages(self, user: User, ids: Iterable[int]) -> set[int]:
        """Those of the messages that are the user's own; until the end of the transaction nobody
        deletes them."""
        ...


_conversations: list[Conversations] = []


def register(conversations: Conversations) -> None:
    """Have memory ask these conversations; called once, when the apps are loaded."""
    _conversations[:] = [conversations]


def conversations() -> Conversations:
    return _conversations[0]


def is_on_for(user: User) -> bool:
    """Whether anything of a user is remembered and told: the operator's switch and the user's."""
    return bool(settings.MEMORY_ENABLED and user.memory_enabled)


def check_writable(user: User, session_id: UUID | None) -> None:
    """Raise `MemoryOff` where nothing may be remembered, and `NotFound` for a session that is not
    the user's own."""
    on = session_id is None or conversations().remembers(user, session_id)
    if not (on and is_on_for(user)):
        raise MemoryOff
