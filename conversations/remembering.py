"""What memory asks about conversations (`memory.sources`)."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from accounts.models import User
from conversations.answering import transcript
from conversations.models import MemoryMode, Message, Session


class OwnConversations:
    """The user's own sessions and messages."""

    def remembers(self, user: User, session_id: UUID) -> bool:
        """Whether the session takes part in memory. Raises `NotFound`."""
        return transcript.session_of(user, session_id).memory_mode != MemoryMode.DISABLED

    def owns(self, user: User, session_id: UUID) -> bool:
        return Session.objects.owned_by(user).filter(id=session_id).exists()

    def own_messages(self, user: User, ids: Iterable[int]) -> dict[int, UUID]:
        mine = Message.objects.visible_to(user).filter(id__in=list(ids))
        return dict(mine.values_list("id", "session_id"))

    def held_messages(self, user: User, ids: Iterable[int]) -> set[int]:
        mine = Message.objects.visible_to(user).filter(id__in=list(ids)).order_by("id")
        locked = mine.select_for_update(of=("self",), no_key=True)
        return set(locked.values_list("id", flat=True))
