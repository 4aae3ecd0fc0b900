"""What an ended answer gives cause for: a title for its session, a summary of what did not fit, and
remembering what was said.

None of them makes anybody wait. The worker does what asks a model; what could not be queued is
noticed again, at a later turn or by a clock.
"""

from __future__ import annotations

import structlog
from django.conf import settings

from conversations.answering.turn import Turn
from conversations.digests import summaries, titles
from conversations.models import GenerationStatus, MemoryMode, Role, Session
from memory import sources
from providers.models import WireKind
from rini.errors import Unavailable
from rini.storage.background import enqueue
from rini.storage.database import in_database

log = structlog.get_logger(__name__)


async def follow_up(turn: Turn, status: GenerationStatus, unsummarised: int | None) -> None:
    """Do, or queue, what has to happen after an answer.

    `unsummarised` is the last of the messages that did not fit, if no summary covers them yet.
    """
    try:
        if unsummarised is not None:
            await in_database(_summarise, turn, unsummarised)
        if _is_remembered(turn):
            await in_database(_remember, turn)
        if settings.AUTO_TITLE and status == GenerationStatus.COMPLETED and _is_first(turn):
            await in_database(_name, turn)
    except Unavailable:
        log.warning("nothing could follow an answer", generation=str(turn.generation.id))


def _summarise(turn: Turn, message_id: int) -> None:
    if summaries.claim(message_id):
        generation = turn.generation
        enqueue(
            "conversations.tasks.summarise",
            *(message_id, generation.provider, generation.model, _token_id(turn)),
        )


def _is_remembered(turn: Turn) -> bool:
    session = turn.generation.session
    off = session.hidden or session.memory_mode == MemoryMode.DISABLED
    return not off and turn.choice.memory is not False and sources.is_on_for(turn.caller.user)


def _remember(turn: Turn) -> None:
    enqueue("conversations.tasks.remember", str(turn.generation.id), _token_id(turn))


def _is_first(turn: Turn) -> bool:
    question = turn.generation.user_message
    return question.parent_message_id is None and question.role == Role.USER


def _name(turn: Turn) -> None:
    session_id = turn.generation.session_id
    nameless = Session.objects.filter(
        id=session_id, alias="", hidden=False, expires_after__isnull=True
    )
    if not nameless.exists():
        return
    if turn.route.target.wire == WireKind.DEMO:
        titles.store(session_id, titles.clean(turn.generation.user_message.content), replace=False)
    else:
        enqueue("conversations.tasks.title", str(session_id), _token_id(turn))


def _token_id(turn: Turn) -> str | None:
    return str(turn.payer.token_id) if turn.payer.token_id else None
