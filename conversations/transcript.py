"""The stored conversation: how a turn is opened and what came before it. Sync and transactional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.authentication import Caller
from accounts.models import User
from billing.holds import Payer
from conversations import prompt
from conversations.models import Generation, Message, MessageStatus, Role, Session
from providers import catalogue
from providers.types import ChatRequest, Target
from rini import heartbeat
from rini.errors import NotFound
from rini.notifications import notify
from rini.request_id import request_id


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that is opened: stored, and ready to be answered by a model."""

    generation: Generation
    target: Target
    request: ChatRequest
    payer: Payer


def session_of(user: User, session_id: UUID) -> Session:
    """The user's session; raises `NotFound`, also for somebody else's."""
    session = Session.objects.visible_to(user).filter(id=session_id).first()
    if session is None:
        raise NotFound(f"Session {session_id} not found.")
    return session


def route(
    caller: Caller, provider: str | None, model: str | None, session: Session | None = None
) -> catalogue.Route:
    """Where a request goes: what it names, else the session's model, else the default one."""
    if model is None and provider is None:
        model = (session.model if session else "") or settings.DEFAULT_MODEL or None
    session_id = session.id if session else None
    return catalogue.resolve(caller, provider=provider, model=model, session_id=session_id)


@transaction.atomic
def open_turn(
    caller: Caller,
    session_id: UUID,
    *,
    text: str,
    provider: str | None = None,
    model: str | None = None,
    parent_message_id: int | None = None,
    llm_params: Mapping[str, Any] | None = None,
) -> Turn:
    """Store a user's message and the answer that is to come below it.

    The message follows `parent_message_id`, else the session's active message. Raises `NotFound`,
    `InvalidInput`, or what `catalogue.resolve` does; then nothing is stored.
    """
    session = session_of(caller.user, session_id)
    chosen = route(caller, provider, model, session)
    parent = _parent(session, parent_message_id)
    question = Message.objects.create(
        session=session, user=caller.user, parent_message=parent, role=Role.USER, content=text
    )
    return _open_answer(caller, session, question, chosen, llm_params or {})


def _open_answer(
    caller: Caller,
    session: Session,
    question: Message,
    chosen: catalogue.Route,
    llm_params: Mapping[str, Any],
) -> Turn:
    target = chosen.target
    answer = Message.objects.create(
        session=session,
        user=caller.user,
        parent_message=question,
        role=Role.ASSISTANT,
        status=MessageStatus.STREAMING,
        provider=target.provider,
        model_used=target.model,
    )
    generation = Generation.objects.create(
        session=session,
        user=caller.user,
        user_message=question,
        assistant_message=answer,
        provider=target.provider,
        model=target.model,
        process_id=heartbeat.process_id(),
        request_id=request_id(),
    )
    session.active_message = answer
    session.last_accessed = timezone.now()
    session.save(update_fields=["active_message", "last_accessed", "updated_at"])
    notify([f"session:{session.id}"])
    messages = prompt.assemble(session.system_prompt, path_to(question))
    return Turn(
        generation,
        target,
        ChatRequest(messages, llm_params),
        Payer(
            user_id=caller.user.id,
            token_id=caller.token.id if caller.token else None,
            purpose="chat",
            session_id=session.id,
            message_id=answer.id,
        ),
    )


def _parent(session: Session, parent_message_id: int | None) -> Message | None:
    if parent_message_id is None:
        return session.active_message
    parent = session.messages.filter(id=parent_message_id).first()
    if parent is None:
        raise NotFound(f"Message {parent_message_id} not found in session {session.id}.")
    return parent


_PATH = """
    WITH RECURSIVE path AS (
        SELECT id, parent_message_id, 0 AS distance
        FROM conversations_message WHERE id = %s
        UNION ALL
        SELECT above.id, above.parent_message_id, path.distance + 1
        FROM conversations_message above JOIN path ON above.id = path.parent_message_id
    )
    SELECT message.* FROM conversations_message message JOIN path USING (id)
    ORDER BY path.distance DESC
"""


def path_to(message: Message) -> list[Message]:
    """The messages from the root down to `message`, in one query."""
    return list(Message.objects.raw(_PATH, [message.pk]))
