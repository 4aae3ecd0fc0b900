"""The stored conversation: whose it is, which model answers in it, and what its messages follow.

Sync; what locks is called within a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from accounts.authentication import Caller
from accounts.models import User
from conversations import tree
from conversations.files.attachments import Attachment
from conversations.models import Generation, Message, Role, Session
from providers import catalogue, token_counts
from rini.errors import Forbidden, NotFound
from rini.storage.notifications import notify
from rini.storage.statements import WrittenOnce
from rini.translation import gettext as _


def session_of(user: User, session_id: UUID) -> Session:
    """The user's session; raises `NotFound`, also for somebody else's, and `Forbidden` for one that
    is shared with the user."""
    return _one(Session.objects.owned_by(user).filter(id=session_id), user.pk, session_id)


def locked_session(user: User, session_id: UUID) -> Session:
    """`session_of` for changing its tree: until the end of the transaction nobody deletes it."""
    return _one(_locked(user.pk, session_id), user.pk, session_id)


def route(
    caller: Caller,
    provider: str | None,
    model: str | None,
    session: Session | None = None,
    usual: str | None = None,
    *,
    fallbacks: Sequence[str] | None = None,
) -> catalogue.Route:
    """Where a request goes: what it names, else the session's model, else the `usual` one, else
    the default one."""
    return catalogue.resolve(
        caller,
        provider=provider,
        model=model,
        session_id=session.id if session else None,
        usual=(session.model if session else "") or usual,
        fallbacks=fallbacks,
    )


def last_model(session: Session) -> str | None:
    """The model that wrote the session's last answer, as “provider/model”."""
    last = Generation.objects.filter(session=session).order_by("-created_at").first()
    return f"{last.provider}/{last.model}" if last else None


def parent_in(session: Session, message_id: int | None) -> int | None:
    """What a new message follows: that message of the session, else its active one.

    None for the first. Raises `NotFound`.
    """
    if message_id is None:
        return session.active_message_id
    if not session.messages.filter(id=message_id).exists():
        raise NotFound(
            _("Message %(message_id)s not found in session %(session_id)s.")
            % {"message_id": message_id, "session_id": session.id}
        )
    return message_id


def new_question(
    session: Session,
    parent_message_id: int | None,
    text: str,
    attachment: Attachment | None = None,
) -> Message:
    """A user's message, not stored yet."""
    question = Message(
        session=session,
        user_id=session.user_id,
        parent_message_id=parent_message_id,
        role=Role.USER,
        content=text,
        token_count=token_counts.count(text) + (attachment.tokens if attachment else 0),
    )
    if attachment:
        question.file_reference = attachment.file_reference
        question.original_filename = attachment.original_filename
        question.mime_type = attachment.mime_type
    return question


def activate(session: Session, message: Message) -> None:
    """Make the path down to a new message the open one, and wake the session's windows."""
    session.active_message = message
    session.last_accessed = timezone.now()
    session.save(update_fields=["active_message", "last_accessed", "updated_at"])
    notify([f"session:{session.id}"])


def open_path(session: Session) -> list[Message]:
    """The messages of a session's open path, oldest first."""
    return tree.messages_of(tree.path_ids(session.id, session.active_message_id))


def _one(found: Iterable[Session], user_id: UUID, session_id: UUID) -> Session:
    for session in found:
        return session
    if Session.objects.visible_to(User(id=user_id)).filter(id=session_id).exists():
        raise Forbidden(_("Only its owner may do this: the session is shared with you to be read."))
    raise no_session(session_id)


def no_session(session_id: UUID) -> NotFound:
    return NotFound(_("Session %(session_id)s not found.") % {"session_id": session_id})


@WrittenOnce
def _locked(user_id: UUID, session_id: UUID) -> QuerySet[Session]:
    sessions = Session.objects.owned_by(User(id=user_id)).filter(id=session_id)
    return sessions.select_for_update(no_key=True)
