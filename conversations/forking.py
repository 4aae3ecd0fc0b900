"""Copying a path of messages into a session of its own, in one statement whatever its length."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from conversations import fields, room, search, tree
from conversations.answering import transcript
from conversations.fields import Goes
from conversations.models import Message, MessageStatus, Session
from rini.errors import Conflict, NotFound
from rini.storage.statements import execute
from rini.translation import gettext as _

_KEPT = fields.going(fields.SESSION, Goes.FORK)
_COLUMNS = ", ".join(fields.going(fields.MESSAGE, Goes.FORK))
# Copies keep the order of their originals; each follows the copy before it. What was indexed and
# summarised of an original is true of its copy.
_COPY = f"""
    WITH original AS (
        SELECT old_id, nextval(pg_get_serial_sequence('conversations_message', 'id')) AS new_id
        FROM unnest(%(path)s::bigint[]) WITH ORDINALITY AS path (old_id, place) ORDER BY place
    ), copied AS (
        INSERT INTO conversations_message (id, session_id, parent_message_id, {_COLUMNS})
        SELECT new_id, %(session)s, lag(new_id) OVER (ORDER BY new_id), {_COLUMNS}
        FROM original JOIN conversations_message message ON message.id = old_id
    ), indexed AS (
        INSERT INTO conversations_searchentry (user_id, session_id, message_id, terms)
        SELECT user_id, %(session)s, new_id, terms
        FROM original JOIN conversations_searchentry entry ON entry.message_id = old_id
    ), summarised AS (
        INSERT INTO conversations_summary (message_id, content, token_count, model_used, claimed_at)
        SELECT new_id, content, token_count, model_used, claimed_at
        FROM original JOIN conversations_summary summary ON summary.message_id = old_id
        WHERE content <> ''
    )
    SELECT max(new_id) FROM original
"""  # noqa: S608  # columns of `fields`

_SIZE = """
    SELECT coalesce(sum(octet_length(content) + octet_length(reasoning)), 0)
    FROM conversations_message WHERE id = ANY(%s)
"""


@transaction.atomic
def fork(user: User, session_id: UUID, message_id: int) -> Session:
    """A new session with the path down to a message. The copies are the user's as the originals.

    Raises `NotFound`, `StorageFull`, and `Conflict` while a message of the path is being written.
    """
    source = transcript.session_of(user, session_id)
    path = tree.path_ids(source.id, message_id)
    if not path:
        raise NotFound(
            _("Message %(message_id)s not found in session %(session_id)s.")
            % {"message_id": message_id, "session_id": session_id}
        )
    if Message.objects.filter(id__in=path, status=MessageStatus.STREAMING).exists():
        raise Conflict(
            _("An answer of this path is still being written. Fork it when it has ended.")
        )
    [(size,)] = execute(_SIZE, [path])
    room.take(user.pk, source.system_prompt, size=size, messages=len(path))
    copy = Session.objects.create(user=user, **{name: getattr(source, name) for name in _KEPT})
    [(copy.active_message_id,)] = execute(_COPY, {"path": path, "session": copy.id})
    copy.last_accessed = timezone.now()
    copy.save(update_fields=["active_message_id", "last_accessed"])
    search.index_title(copy)
    return copy
