"""The stored conversation: how a turn is opened and what came before it. Sync and transactional."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.authentication import Caller
from accounts.models import User
from billing.holds import Payer
from billing.purposes import Purpose
from conversations import tree
from conversations.answering import context, parallel, prompt
from conversations.files.attachments import Attachment
from conversations.models import Generation, MemoryMode, Message, MessageStatus, Role, Session
from conversations.tree import PathTurn
from providers import catalogue, tokens
from providers.types import ChatMessage, ChatRequest, Target
from rini.errors import NotFound
from rini.storage import heartbeat
from rini.storage.notifications import CHANNEL, notify
from rini.storage.statements import WrittenOnce, columns, execute, names
from rini.web.request_id import request_id

PASSING_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that is opened: stored, and ready to be answered by a model."""

    generation: Generation
    target: Target
    request: ChatRequest
    payer: Payer
    unsummarised: int | None = None
    """The last of the messages that did not fit, if no summary tells of them yet."""


def session_of(user: User, session_id: UUID) -> Session:
    """The user's session; raises `NotFound`, also for somebody else's."""
    return _one(Session.objects.visible_to(user).filter(id=session_id), session_id)


def locked_session(user: User, session_id: UUID) -> Session:
    """`session_of` for changing its tree: until the end of the transaction nobody deletes it."""
    return _one(_locked(user.pk, session_id), session_id)


def route(
    caller: Caller,
    provider: str | None,
    model: str | None,
    session: Session | None = None,
    usual: str | None = None,
) -> catalogue.Route:
    """Where a request goes: what it names, else the session's model, else the `usual` one, else
    the default one."""
    return catalogue.resolve(
        caller,
        provider=provider,
        model=model,
        session_id=session.id if session else None,
        usual=(session.model if session else "") or usual,
    )


def last_model(session: Session) -> str | None:
    """The model that wrote the session's last answer, as “provider/model”."""
    last = Generation.objects.filter(session=session).order_by("-created_at").first()
    return f"{last.provider}/{last.model}" if last else None


@transaction.atomic
def open_turn(
    caller: Caller,
    session_id: UUID,
    *,
    text: str,
    provider: str | None = None,
    model: str | None = None,
    parent_message_id: int | None = None,
    attachment: Attachment | None = None,
    llm_params: Mapping[str, Any] | None = None,
    context_messages: int | None = None,
) -> Turn:
    """Store a user's message and the answer that is to come below it.

    The message follows `parent_message_id`, else the session's active message. The model is told
    the last `context_messages` of the messages up to it, or what fits. Raises `NotFound`,
    `InvalidInput`, `ContextTooLong`, or what `catalogue.resolve` does; then nothing is stored.
    """
    session = locked_session(caller.user, session_id)
    chosen = route(caller, provider, model, session)
    path = path_below(session, parent_message_id)
    if context_messages is not None:
        path = prompt.recent(path, context_messages - 1)
    question = new_question(session, path[-1].id if path else None, text, attachment)
    return open_answer(caller, session, path, question, chosen=chosen, llm_params=llm_params or {})


def path_below(session: Session, message_id: int | None) -> list[PathTurn]:
    """The path down to a message of the session, else to its active one. Raises `NotFound`."""
    path = tree.path_turns(session.id, message_id or session.active_message_id)
    if message_id is not None and not path:
        raise NotFound(f"Message {message_id} not found in session {session.id}.")
    return path


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
        token_count=tokens.count(text) + (attachment.tokens if attachment else 0),
    )
    if attachment:
        question.file_reference = attachment.file_reference
        question.original_filename = attachment.original_filename
        question.mime_type = attachment.mime_type
    return question


def open_answer(
    caller: Caller,
    session: Session,
    path: Sequence[PathTurn],
    question: Message,
    *,
    chosen: catalogue.Route,
    llm_params: Mapping[str, Any],
) -> Turn:
    """Store the answer that is to come below `question`, and that one too if it is new.

    `path` is what the model is told before it, as far as it fits. Raises `ContextTooLong`.
    """
    told = context.of(
        session.system_prompt,
        path,
        question,
        chosen,
        llm_params=llm_params,
        most_turns=settings.CONTEXT_TURNS,
    )
    request = ChatRequest(told.messages, llm_params)
    turn = _store(caller, session, question, chosen.target, request)
    return replace(turn, unsummarised=told.unsummarised)


@transaction.atomic
def open_passing_turn(
    caller: Caller,
    messages: Sequence[ChatMessage],
    *,
    model: str | None = None,
    llm_params: Mapping[str, Any] | None = None,
) -> Turn:
    """Open a turn that is not kept: `messages` are the whole conversation, the question last.

    Question and answer lie in a hidden session, so that the answer can be read and stopped from any
    process, and are deleted after `PASSING_FOR`. Raises what `catalogue.resolve` does.
    """
    chosen = route(caller, None, model)
    session = Session.objects.create(
        user=caller.user,
        hidden=True,
        expires_after=PASSING_FOR,
        memory_mode=MemoryMode.DISABLED,
    )
    question = new_question(session, None, messages[-1]["content"])
    request = ChatRequest(messages, llm_params or {})
    turn = _store(caller, session, question, chosen.target, request)
    return replace(turn, payer=replace(turn.payer, session_id=None))


def _store(
    caller: Caller, session: Session, question: Message, target: Target, request: ChatRequest
) -> Turn:
    parallel.admit(caller.user)
    answer = Message(
        session=session,
        user_id=session.user_id,
        role=Role.ASSISTANT,
        status=MessageStatus.STREAMING,
        provider=target.provider,
        model_used=target.model,
    )
    generation = Generation(
        session=session,
        user_id=session.user_id,
        provider=target.provider,
        model=target.model,
        process_id=heartbeat.process_id(),
        request_id=request_id(),
    )
    _insert(question, answer, generation)
    payer = Payer.of(caller, Purpose.CHAT, session_id=session.id, message_id=answer.id)
    return Turn(generation, target, request, payer)


_MESSAGES = {"user_message_id": "question.id", "assistant_message_id": "answer.id"}
_SAID = names(Message).removeprefix("id, ")
_BEGUN = names(Generation)
_INSERT = f"""
    WITH asked AS (
        INSERT INTO conversations_message ({_SAID})
        SELECT {_SAID} FROM json_populate_record(NULL::conversations_message, %s) WHERE id IS NULL
        RETURNING id
    ), question AS (
        SELECT coalesce((SELECT id FROM asked), %s::bigint) AS id
    ), answer AS (
        INSERT INTO conversations_message ({_SAID})
        SELECT {_SAID.replace("parent_message_id", "question.id")}
        FROM json_populate_record(NULL::conversations_message, %s) AS new, question
        RETURNING id
    ), begun AS (
        INSERT INTO conversations_generation ({_BEGUN})
        SELECT {", ".join(_MESSAGES.get(name, f"new.{name}") for name in _BEGUN.split(", "))}
        FROM json_populate_record(NULL::conversations_generation, %s) AS new, question, answer
    ), opened AS (
        UPDATE conversations_session AS session
        SET active_message_id = answer.id, last_accessed = now(), updated_at = now()
        FROM answer WHERE session.id = %s
    )
    SELECT question.id, answer.id, pg_notify(%s, %s) FROM question, answer
"""  # noqa: S608  # names of columns


def _insert(question: Message, answer: Message, generation: Generation) -> None:
    """Store a turn, its question only if it is new; the answer is the open one of its session
    then, whose windows are woken."""
    session_id = generation.session_id
    rows = [orjson.dumps(columns(row)).decode() for row in (question, answer, generation)]
    parameters = [rows[0], question.pk, *rows[1:], session_id, CHANNEL, f"session:{session_id}"]
    [(question.pk, answer.pk, _)] = execute(_INSERT, parameters)
    answer.parent_message = question
    generation.user_message, generation.assistant_message = question, answer


def activate(session: Session, message: Message) -> None:
    """Make the path down to a new message the open one, and wake the session's windows."""
    session.active_message = message
    session.last_accessed = timezone.now()
    session.save(update_fields=["active_message", "last_accessed", "updated_at"])
    notify([f"session:{session.id}"])


def open_path(session: Session) -> list[Message]:
    """The messages of a session's open path, oldest first."""
    return tree.messages_of(tree.path_ids(session.id, session.active_message_id))


def _one(found: Iterable[Session], session_id: UUID) -> Session:
    for session in found:
        return session
    raise NotFound(f"Session {session_id} not found.")


@WrittenOnce
def _locked(user_id: UUID, session_id: UUID) -> QuerySet[Session]:
    sessions = Session.objects.visible_to(User(id=user_id)).filter(id=session_id)
    return sessions.select_for_update(no_key=True)
