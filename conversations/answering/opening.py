"""Opening a turn: its question and the answer that is to come are stored, in one statement.

Ids and choices are stored, and what can be refused cheaply is refused, so that then nothing is.
What the model is told is gathered afterwards (`gathering`), outside of the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import orjson
import structlog
from django.db import transaction

from accounts.authentication import Caller
from billing.holds import Payer
from billing.purposes import Purpose
from conversations import room
from conversations.answering import context, gathering, parallel, recalling, transcript
from conversations.answering.choice import Choice
from conversations.answering.context import History
from conversations.answering.turn import Turn
from conversations.files.attachments import Attachment
from conversations.models import Generation, MemoryMode, Message, MessageStatus, Role, Session
from conversations.tree import PathTurn
from knowledge import bases
from providers.catalogue import Route
from providers.tools import connections
from providers.types import ChatMessage
from rini.storage import heartbeat
from rini.storage.notifications import CHANNEL
from rini.storage.statements import columns, execute, names
from rini.web.request_id import request_id

PASSING_FOR = timedelta(hours=1)
log = structlog.get_logger(__name__)


def open_turn(
    caller: Caller,
    session_id: UUID,
    choice: Choice,
    *,
    text: str,
    parent_message_id: int | None = None,
    attachment: Attachment | None = None,
) -> Turn:
    """Store a user's message and the answer that is to come below it.

    The message follows `parent_message_id`, else the session's active message. Raises `NotFound`,
    `StorageFull`, `InvalidInput`, `ContextTooLong`, `RateLimited`, or what `catalogue.resolve`
    does; then nothing is stored.
    """
    room.take(caller.user.pk, text, session_id=session_id, messages=2, size=_file_bytes(attachment))
    with transaction.atomic():
        session = transcript.locked_session(caller.user, session_id)
        route = transcript.route(
            caller, choice.provider, choice.model, session, fallbacks=choice.fallbacks
        )
        parent = transcript.parent_in(session, parent_message_id)
        question = transcript.new_question(session, parent, text, attachment)
        turn = open_answer(caller, session, question, route, choice)
    return with_history(turn)


def _file_bytes(attachment: Attachment | None) -> int:
    return room.FILE_BYTES if attachment else 0


def open_answer(
    caller: Caller, session: Session, question: Message, route: Route, choice: Choice
) -> Turn:
    """Store the answer that is to come below `question`, and that one too if it is new.

    Within the caller's transaction. Raises `ContextTooLong` for a question that cannot fit.
    """
    context.check(choice.instructions(session.system_prompt), question, route)
    return _store(caller, session, question, route, choice)


def open_passing_turn(caller: Caller, messages: Sequence[ChatMessage], choice: Choice) -> Turn:
    """Open a turn that is not kept: `messages` are the whole conversation, the question last.

    Question and answer lie in a hidden session, so that the answer can be read and stopped from any
    process, and are deleted after `PASSING_FOR`. Raises what `catalogue.resolve` does.
    """
    route = transcript.route(caller, choice.provider, choice.model, fallbacks=choice.fallbacks)
    room.take(caller.user.pk, messages[-1]["content"], messages=2)
    with transaction.atomic():
        session = Session.objects.create(
            user=caller.user,
            hidden=True,
            expires_after=PASSING_FOR,
            memory_mode=MemoryMode.DISABLED,
        )
        question = transcript.new_question(session, None, messages[-1]["content"])
        turn = _store(caller, session, question, route, choice)
    payer = replace(turn.payer, session_id=None)
    return replace(turn, payer=payer, history=_given(messages, choice))


def open_told_answer(
    caller: Caller, question: Message, route: Route, choice: Choice, *, told: Sequence[ChatMessage]
) -> Turn:
    """Store the answer to a `question` that is new, of which the caller says all that the model
    gets. Within the caller's transaction, with the question's session locked or new."""
    return replace(_store(caller, question.session, question, route, choice), told=told)


def with_history(turn: Turn) -> Turn:
    """`turn` with its history and what is known of the user, read in the visit to the database that
    has opened it.

    Another visit would be another change of threads before the first token. The turn is stored: if
    this fails, `gathering` tries again, and what fails there is the answer's failure.
    """
    try:
        turn = replace(turn, history=gathering.read_history(turn))
        return replace(turn, recollection=recalling.of(turn))
    except Exception as error:
        log.warning("a history could not be read at once", error=str(error))
        return turn


def _given(messages: Sequence[ChatMessage], choice: Choice) -> History:
    """A conversation that the caller has sent along."""
    system, turns = "", list(messages)
    if len(turns) > 1 and turns[0]["role"] == Role.SYSTEM:
        system = turns.pop(0)["content"]
    told = [PathTurn(0, turn["role"], turn["content"], None) for turn in turns]
    return History(choice.instructions(system), told)


def _store(
    caller: Caller, session: Session, question: Message, route: Route, choice: Choice
) -> Turn:
    parallel.admit(caller.user)
    bases.all_of(caller.user, [UUID(id_) for id_ in choice.knowledge_base_ids or ()])
    connections.check(caller.user, [UUID(id_) for id_ in choice.mcp_connection_ids or ()])
    target = route.target
    choice = replace(choice, provider=target.provider, model=target.model)
    by = {
        "agent_id": UUID(choice.agent_id) if choice.agent_id else None,
        "agent_version": choice.agent_version,
    }
    answer = Message(
        session=session,
        user_id=session.user_id,
        role=Role.ASSISTANT,
        status=MessageStatus.STREAMING,
        provider=target.provider,
        model_used=target.model,
        **by,
    )
    generation = Generation(
        session=session,
        user_id=session.user_id,
        provider=target.provider,
        model=target.model,
        choice=choice.as_json(),
        process_id=heartbeat.process_id(),
        request_id=request_id(),
        **by,
    )
    _insert(question, answer, generation)
    payer = Payer.of(caller, Purpose.CHAT, session_id=session.id, message_id=answer.id)
    return Turn(generation, choice, route, payer, caller)


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
