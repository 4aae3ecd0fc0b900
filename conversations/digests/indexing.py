"""What was said becomes findable for recall, in the background."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from conversations.models import MemoryMode, Message, MessageStatus, Role, Session
from memory import sources, traces
from memory.models import Trace
from memory.traces import Said

_AT_ONCE = 200
_MISSED_AFTER = timedelta(minutes=2)
_MISSED_WITHIN = timedelta(days=1)
_SAID = (MessageStatus.COMPLETE, MessageStatus.STOPPED)


def index(session_id: UUID) -> int:
    """Make what was said in a session findable, as far as it is not yet; how many messages.

    Nothing of a session that takes no part in memory, or of a user whose memory is off.
    """
    session = Session.objects.select_related("user").filter(id=session_id, hidden=False).first()
    off = session is None or session.memory_mode == MemoryMode.DISABLED
    if session is None or off or not sources.is_on_for(session.user):
        return 0
    count = 0
    while rows := list(_unindexed().filter(session=session).order_by("id")[:_AT_ONCE]):
        said = [Said(row.pk, session_id, row.created_at, row.content) for row in rows]
        count += traces.index_messages(session.user_id, said)
    traces.recount(session.user_id)
    return count


def missed() -> list[UUID]:
    """The sessions in which something was said that nobody has made findable: what was queued for
    it has been lost."""
    now = timezone.now()
    lately = _unindexed().filter(
        created_at__gt=now - _MISSED_WITHIN,
        created_at__lt=now - _MISSED_AFTER,
        session__hidden=False,
        user__memory_enabled=True,
    )
    told = lately.exclude(session__memory_mode=MemoryMode.DISABLED).exclude(content="")
    return list(told.order_by().values_list("session_id", flat=True).distinct()[:1000])


def _unindexed() -> QuerySet[Message]:
    there = Trace.objects.filter(message_id=OuterRef("id"))
    said = Message.objects.filter(role__in=[Role.USER, Role.ASSISTANT], status__in=_SAID)
    return said.filter(~Exists(there)).exclude(content="")
