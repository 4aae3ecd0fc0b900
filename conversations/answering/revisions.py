"""Messages that are added without an answer, asked anew, and answered anew. Sync, transactional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.authentication import Caller
from accounts.models import User
from conversations import room, search
from conversations.agents import using
from conversations.answering import opening, transcript
from conversations.answering.choice import Choice
from conversations.answering.turn import Turn
from conversations.files import attachments
from conversations.models import Generation, Message, Role, Session
from knowledge.models import KnowledgeBase
from providers import token_counts
from rini.errors import InvalidInput, NotFound
from rini.storage.background import enqueue
from rini.translation import gettext as _


def message_of(user: User, message_id: int) -> Message:
    """The user's message; raises `NotFound`, also for somebody else's."""
    found = Message.objects.visible_to(user).filter(id=message_id).first()
    if found is None:
        raise NotFound(_("Message %(message_id)s not found.") % {"message_id": message_id})
    return found


@transaction.atomic
def append(
    user: User, session_id: UUID, *, role: str, content: str, parent_message_id: int | None
) -> Message:
    """Store a message without asking a model, and make its path the open one.

    It follows `parent_message_id`, else the active message. Raises `NotFound`.
    """
    room.take(user.pk, content, session_id=session_id)
    session = transcript.locked_session(user, session_id)
    message = Message.objects.create(
        session=session,
        user=user,
        parent_message_id=transcript.parent_in(session, parent_message_id),
        role=role,
        content=content,
        token_count=token_counts.count(content),
    )
    transcript.activate(session, message)
    search.index_messages([message])
    transaction.on_commit(partial(enqueue, "conversations.tasks.index_session", str(session_id)))
    return message


def edit(caller: Caller, message_id: int, text: str, choice: Choice) -> Turn:
    """Open a turn with another version of a question: a sibling of it, and its answer below.

    Raises `NotFound`, `InvalidInput` for what is not a question, and what `open_turn` does.
    """
    with transaction.atomic():
        former, session = _locked(caller.user, message_id)
        room.take(caller.user.pk, text, session_id=session.id, messages=2)
        if former.role != Role.USER:
            raise InvalidInput(
                _(
                    "Message %(message_id)s has the role %(role)s: only a user's can be edited. "
                    "POST /messages/{id}/regenerate makes another answer."
                )
                % {"message_id": message_id, "role": former.role}
            )
        question = transcript.new_question(
            session, former.parent_message_id, text, attachments.of(former)
        )
        turn = _opened(caller, session, question, choice, former)
    return opening.with_history(turn)


def regenerate(caller: Caller, message_id: int, choice: Choice) -> Turn:
    """Open a turn for another answer to the same question: a sibling of the former one.

    For a question `message_id`, an answer below it. Without a named model the session's answers,
    else the former answer's. Raises `NotFound`, `InvalidInput` for what answers no question, and
    what `open_turn` does.
    """
    with transaction.atomic():
        former, session = _locked(caller.user, message_id)
        room.take(caller.user.pk, session_id=session.id)
        question = former if former.role == Role.USER else former.parent_message
        if question is None or question.role != Role.USER:
            raise InvalidInput(
                _("Message %(message_id)s is not an answer to a user's message.")
                % {"message_id": message_id}
            )
        turn = _opened(caller, session, question, choice, former)
    return opening.with_history(turn)


def _opened(
    caller: Caller, session: Session, question: Message, choice: Choice, former: Message
) -> Turn:
    last = _last_generation(former)
    usual = f"{last.provider}/{last.model}" if last else None
    if last and choice.knowledge_base_ids is None:
        choice = replace(choice, knowledge_base_ids=_seen(caller.user, last.choice))
    former_choice = Choice(**(last.choice or {})) if last else Choice()
    choice = using.applied_again(caller.user, choice, former_choice)
    route = transcript.route(
        caller, choice.provider, choice.model, session, usual, fallbacks=choice.fallbacks
    )
    return opening.open_answer(caller, session, question, route, choice)


def _locked(user: User, message_id: int) -> tuple[Message, Session]:
    message = message_of(user, message_id)
    return message, transcript.locked_session(user, message.session_id)


def _seen(user: User, former: Mapping[str, Any] | None) -> list[str]:
    """The knowledge bases of a former choice that are still there for the user."""
    ids = (former or {}).get("knowledge_base_ids") or ()
    found = KnowledgeBase.objects.visible_to(user).filter(id__in=ids) if ids else ()
    return [str(base.id) for base in found]


def _last_generation(message: Message) -> Generation | None:
    """What wrote an answer, or last an answer to a question."""
    about = (
        {"user_message": message} if message.role == Role.USER else {"assistant_message": message}
    )
    return Generation.objects.filter(**about).order_by("-created_at").first()
