"""Sessions as others read them: the path down to the message at which they were shared.

What was said later, other branches, the system prompt, what the owner keeps beside it (metadata,
tags), what the model thought, passages of documents and what it cost are nobody else's. All that
others read of a session comes from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery

from accounts.models import User
from accounts.sharing import giving, kinds
from accounts.sharing.models import Access
from conversations import tree
from conversations.answering import transcript
from conversations.answering.unfinished import with_text_so_far
from conversations.models import Message, Session, SessionShare
from conversations.visibility import unexpired
from rini.errors import InvalidInput, NotFound
from rini.translation import gettext as _


class SessionKind(kinds.Kind):
    """Sessions are shared to be read, and by links."""

    def columns(self, thing: Session, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The message at which it is shown: the one that is wanted, else the active one."""
        message_id = wanted.get("message_id") or thing.active_message_id
        if message_id is None:
            raise InvalidInput(errors={"message_id": [_("There is nothing in this session yet.")]})
        if not thing.messages.filter(id=message_id).exists():
            message = _("Message %(message_id)s is not in this session.")
            raise InvalidInput(errors={"message_id": [message % {"message_id": message_id}]})
        return {"message_id": message_id}


_OF_CITATIONS = frozenset({"number", "document_name", "page", "headings", "cited"})
KIND = SessionKind("sessions", SessionShare, accesses=(Access.READ,), has_links=True)


def with_user(user: User) -> QuerySet[Session]:
    """The sessions that others share with a user, the newest first, for `as_read`. Where several
    shares count, the one that shows most."""
    counting = SessionShare.objects.filter(thing=OuterRef("pk")).counting_for(user)
    furthest = counting.order_by("-message_id")
    return (
        Session.objects.visible_to(user)
        .exclude(user_id=user.pk)
        .annotate(
            shown_message_id=Subquery(furthest.values("message_id")[:1]),
            shared_at=Subquery(furthest.values("created_at")[:1]),
        )
        .order_by("-created_at", "-id")
    )


def by_link(secret: str) -> Session:
    """The session of a link, as it is read. Raises `NotFound`."""
    digest = giving.digest_of(secret)
    found = Session.objects.filter(unexpired(), shares__link_digest=digest, hidden=False)
    linked = found.annotate(
        shown_message_id=F("shares__message_id"), shared_at=F("shares__created_at")
    ).first()
    if linked is None:
        raise NotFound(_("There is nothing behind this link: it is mistyped, or was taken back."))
    return as_read(linked)


def as_read(session: Any) -> Session:
    """A session of `with_user` as others see it; it must not be saved."""
    session.system_prompt, session.metadata, session.tags = "", {}, []
    session.pinned = session.archived = False
    session.updated_at = session.last_accessed = session.shared_at
    session.active_message_id = session.shown_message_id
    session.my_access = Access.READ.value
    read: Session = session
    return read


def find(user: User, session_id: UUID) -> Session:
    """A session of the user's, or one that is shared with the user, as they read it.

    Raises `NotFound`.
    """
    if own := Session.objects.owned_by(user).filter(id=session_id).first():
        return own
    if other := with_user(user).filter(id=session_id).first():
        return as_read(other)
    raise transcript.no_session(session_id)


def find_message(user: User, message_id: int) -> Message:
    """A message of the user's, or one that others share, as they read it; with its text so far.

    Raises `NotFound`.
    """
    if own := Message.objects.visible_to(user).filter(id=message_id).first():
        return with_text_so_far([own])[0]
    if other := with_user(user).filter(messages=message_id).first():
        return message_in(as_read(other), message_id)
    raise _no_message(message_id)


def message_in(session: Session, message_id: int) -> Message:
    """A message of a session that others read. Raises `NotFound` for one that is not shown."""
    if message_id not in tree.path_ids(session.id, session.active_message_id):
        raise _no_message(message_id)
    [message] = messages_as_read(tree.messages_of([message_id]))
    return message


def messages_as_read(messages: Sequence[Message]) -> list[Message]:
    """Messages as others see them, with their text so far; they must not be saved.

    Of a passage they learn where it stands, not what it says: the document may be a third one's.
    """
    shown = with_text_so_far(messages)
    for message in shown:
        message.cost_nano, message.reasoning, message.tool_calls = None, "", []
        message.citations = [
            {name: value for name, value in citation.items() if name in _OF_CITATIONS}
            for citation in message.citations
            if citation.get("cited")
        ]
    return shown


def is_read(session: Session) -> bool:
    """Whether it is somebody else's."""
    return getattr(session, "my_access", Access.WRITE) == Access.READ


def _no_message(message_id: int) -> NotFound:
    return NotFound(_("Message %(message_id)s not found.") % {"message_id": message_id})
