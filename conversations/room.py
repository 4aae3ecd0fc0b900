"""How much a session, and a user, may store: texts and numbers of messages.

What is stored is summed up once in a while and counted on in between, in this process, so that a
turn costs no query more: of what several processes store within that time a little may be too much.
Answers are always stored, for they are paid; the next question is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from rini.errors import RiniError
from rini.storage.remembered import Remembered
from rini.storage.statements import execute
from rini.translation import gettext as _
from rini.translation import gettext_noop

SUMMED_EVERY_SECONDS = 60.0
FILE_BYTES = 1024 * 1024
"""What a message's file counts for, whatever its size."""
_OF_SESSION = """
    SELECT count(*), coalesce(sum(octet_length(content) + octet_length(reasoning)), 0)
    FROM conversations_message WHERE session_id = %s
"""
_OF_USER = f"""
    SELECT 0, (
        SELECT coalesce(sum(octet_length(content) + octet_length(reasoning)), 0)
            + count(file_reference) * {FILE_BYTES}
        FROM conversations_message WHERE user_id = %s
    ) + (
        SELECT coalesce(sum(octet_length(system_prompt) + octet_length(metadata::text)), 0)
        FROM conversations_session WHERE user_id = %s
    )
"""  # noqa: S608  # a number


class StorageFull(RiniError):
    status = 413
    code = "storage_full"
    detail = gettext_noop("There is no room for this: delete sessions that you no longer need.")


@dataclass(slots=True)
class _Stored:
    messages: int
    size: int


def _of_session(session_id: UUID) -> _Stored:
    [row] = execute(_OF_SESSION, [session_id])
    return _Stored(*row)


def _of_user(user_id: UUID) -> _Stored:
    [row] = execute(_OF_USER, [user_id, user_id])
    return _Stored(*row)


_sessions = Remembered(_of_session, seconds=SUMMED_EVERY_SECONDS, most=10_000)
_users = Remembered(_of_user, seconds=SUMMED_EVERY_SECONDS, most=10_000)


def take(
    user_id: UUID, *texts: str, session_id: UUID | None = None, messages: int = 1, size: int = 0
) -> None:
    """Count on room for `texts`, or for `size` bytes, in `messages` of a session that there is.

    Needs the database. Raises `StorageFull`.
    """
    size += sum(len(text.encode(errors="replace")) for text in texts)
    user = _users(user_id)
    if settings.MAX_USER_BYTES and user.size + size > settings.MAX_USER_BYTES:
        raise StorageFull(
            _(
                "You have stored %(size)s bytes, and with this it would be more than %(most)s. "
                "Delete sessions that you no longer need."
            )
            % {"size": user.size, "most": settings.MAX_USER_BYTES}
        )
    check_session(messages, size)
    if session_id is not None:
        session = _sessions(session_id)
        check_session(session.messages + messages, session.size + size)
        session.messages, session.size = session.messages + messages, session.size + size
    user.size += size


def check_session(messages: int, size: int) -> None:
    """Raise `StorageFull` for what is too much for one session."""
    if settings.MAX_SESSION_BYTES and size > settings.MAX_SESSION_BYTES:
        raise StorageFull(
            _("A session holds %(most)s bytes of text: begin another.")
            % {"most": settings.MAX_SESSION_BYTES}
        )
    if settings.MAX_SESSION_MESSAGES and messages > settings.MAX_SESSION_MESSAGES:
        raise StorageFull(
            _("A session holds %(most)s messages: begin another.")
            % {"most": settings.MAX_SESSION_MESSAGES}
        )
