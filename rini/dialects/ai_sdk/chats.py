"""Chats of the AI SDK as sessions. Sync; what is asked must become stored turns, or fail whole."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from accounts.authentication import Caller
from accounts.models import User
from conversations import named
from conversations.answering import opening, revisions, transcript
from conversations.answering.choice import Choice
from conversations.answering.turn import Turn
from conversations.files import attachments
from conversations.files.attachments import Attachment
from conversations.models import (
    Generation,
    GenerationStatus,
    Message,
    MessageStatus,
    Role,
    Session,
)
from providers import vision
from rini.dialects.ai_sdk.asked import Asked, Shown, wrong
from rini.dialects.ai_sdk.messages import Json, ui_message
from rini.errors import InvalidInput, NotFound
from rini.translation import gettext as _

_LARGEST = 2**63 - 1
_MOST_NEW = 200
"""Earlier messages that a request may bring along; each is stored by itself."""


@transaction.atomic
def open_turn(caller: Caller, asked: Asked, choice: Choice, picture: Attachment | None) -> Turn:
    """Store what is asked as a turn of the chat's session, which begins with its first question.

    Raises `NotFound` for a message that is not in it, `InvalidInput`, and what
    `opening.open_turn` does.
    """
    session = named.begun(caller.user, asked.chat_id)
    if picture:
        vision.check(transcript.route(caller, choice.provider, choice.model, session))
    question = asked.question
    if asked.above is not None:
        _show(caller.user, session, asked.above)
    elif asked.regenerates:
        return revisions.regenerate(caller, _answer_to_replace(session, asked), choice)
    elif asked.message_id:
        former = _message(session, asked.message_id)
        picture = picture or attachments.of(former)
        _activate(session, former.parent_message_id)
    if question is None:
        raise InvalidInput(_("Say which message is to be answered."))
    if asked.regenerates and (stored := _stored(session, session.active_message_id, question)):
        return revisions.regenerate(caller, stored.pk, choice)
    return opening.open_turn(caller, session.id, choice, text=question.text, attachment=picture)


def running(user: User, chat_id: str) -> list[UUID]:
    """The answers that are being written in a chat, the newest first."""
    session = named.find(user, chat_id)
    if session is None:
        return []
    found = Generation.objects.visible_to(user).filter(
        session=session, status=GenerationStatus.RUNNING
    )
    return list(found.order_by("-created_at").values_list("id", flat=True))


def messages(user: User, chat_id: str) -> list[Json]:
    """The messages of a chat's open path, without an answer that is being written."""
    session = named.find(user, chat_id)
    path = transcript.open_path(session) if session else []
    return [
        ui_message(message)
        for message in path
        if message.status != MessageStatus.STREAMING and message.role != Role.TOOL
    ]


def _show(user: User, session: Session, shown: Sequence[Shown]) -> None:
    """Open the path that the page shows, and store what of it is not stored yet.

    Answers are known by the ids that the stream gave them. What has an id of the page's own is the
    message of that text at that place, if there is one.
    """
    parent, rest = _furthest_known(session, shown)
    if len(rest) > _MOST_NEW:
        told = _(
            "More than %(most)s earlier messages are not known here: import the conversation "
            "(POST /sessions/import), and use its session's id for the chat."
        )
        raise wrong("messages", told % {"most": _MOST_NEW})
    for message in rest:
        if stored := _stored(session, parent, message):
            parent = stored.pk
        elif message.files:
            told = _("The file of an earlier message is not stored here: send it with a question.")
            raise wrong(f"{message.place}.parts", told)
        elif message.text.strip():
            _activate(session, parent)
            parent = revisions.append(
                user, session.id, role=message.role, content=message.text, parent_message_id=parent
            ).pk
    _activate(session, parent)


def _furthest_known(session: Session, shown: Sequence[Shown]) -> tuple[int | None, Sequence[Shown]]:
    """The last message that the page knows by its id here, and what is shown below it."""
    numbers = [_number(message.id) for message in shown]
    known = set(session.messages.filter(id__in=filter(None, numbers)).values_list("id", flat=True))
    for i in range(len(shown) - 1, -1, -1):
        if numbers[i] in known:
            return numbers[i], shown[i + 1 :]
    return None, shown


def _stored(session: Session, parent: int | None, message: Shown) -> Message | None:
    below = session.messages.filter(parent_message_id=parent, role=message.role)
    return below.filter(content=message.text).order_by("-id").first()


def _activate(session: Session, message_id: int | None) -> None:
    session.active_message_id = message_id
    session.save(update_fields=["active_message", "updated_at"])


def _answer_to_replace(session: Session, asked: Asked) -> int:
    if asked.message_id:
        return _message(session, asked.message_id).pk
    if session.active_message_id is None:
        raise InvalidInput(_("Nothing has been asked in this chat yet."))
    return session.active_message_id


def _message(session: Session, id_: str) -> Message:
    number = _number(id_)
    found = session.messages.filter(id=number).first() if number else None
    if found is None:
        raise NotFound(_("Message %(message_id)s not found.") % {"message_id": id_[:80]})
    return found


def _number(id_: str) -> int | None:
    """The number of a message that an id is; None for one of the page's own."""
    if not (id_.isascii() and id_.isdigit() and len(id_) <= len(str(_LARGEST))):
        return None
    number = int(id_)
    return number if number <= _LARGEST else None
