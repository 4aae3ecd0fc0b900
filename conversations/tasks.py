"""Background work of conversations."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.conf import settings
from django.db import connections
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from billing import holds
from billing.models import Hold, UsageRecord
from conversations import lifetime
from conversations.answering import endings, journal
from conversations.answering.endings import Ending
from conversations.answering.events import EventType, text_of
from conversations.digests import extracting, indexing, summaries, summarising, titles
from conversations.files import attachments, import_jobs
from conversations.models import Generation, GenerationStatus, JournalSegment, MemoryMode, Session
from providers import asking, token_counts
from providers.asking import Question
from providers.tasks import interrupted
from rini.errors import RiniError
from rini.storage import files, heartbeat
from rini.storage.background import enqueue

log = structlog.get_logger(__name__)


@shared_task
def reap() -> int:
    """End the generations of dead processes as `interrupted`, with the text so far; how many."""
    alive = heartbeat.living().filter(id=OuterRef("process_id"))
    left = Generation.objects.filter(~Exists(alive), status=GenerationStatus.RUNNING)
    count = 0
    for generation in left.iterator():
        _settle(generation)
        records = _records(generation).order_by("created_at")
        endings.end(generation.id, [], Ending(GenerationStatus.INTERRUPTED, list(records)))
        count += 1
    if count:
        log.warning("ended generations of dead processes", generations=count)
    return count


def _settle(generation: Generation) -> None:
    """Settle what is held for an interrupted answer, by what it had written.

    Only the last call can have written it: a model that has begun to answer is not asked again.
    """
    message_id = generation.assistant_message_id
    held = list(Hold.objects.filter(message_id=message_id).order_by("created_at"))
    if not held:
        return
    events, _ = journal.read(generation.id, 0)
    written = text_of(events) + text_of(events, EventType.REASONING)
    for hold in held[:-1]:
        holds.settle_now(hold.id, interrupted(hold, output_tokens=0))
    holds.settle_now(held[-1].id, interrupted(held[-1], token_counts.count(written)))


def _records(generation: Generation) -> QuerySet[UsageRecord]:
    """The ledger rows of an answer's calls."""
    message_id = generation.assistant_message_id
    return UsageRecord.objects.filter(message_id=message_id, corrects_id=None)


@shared_task
def delete_expired_sessions() -> int:
    """Delete the sessions that have run out, with their messages; how many."""
    return lifetime.delete_expired()


@shared_task
def title(session_id: str, token_id: str | None) -> None:
    """Name a session that has no name, by asking its model."""
    session = Session.objects.select_related("user").filter(id=session_id, alias="").first()
    caller = asking.caller_again(session.user, token_id) if session else None
    if session is None or caller is None:
        return
    try:
        named = titles.untitled(caller, session)
        if named.question:
            answer = _ask(named.question)
            titles.store(session.id, titles.clean(answer), replace=False)
    except RiniError as error:
        log.warning("no title", session=session_id, error=str(error))


@shared_task
def summarise(message_id: int, provider: str, model: str, token_id: str | None) -> None:
    """Summarise the path down to a message, for prompts into which it does not fit."""
    try:
        question = summarising.question(message_id, provider, model, token_id)
        if question:
            summaries.store(message_id, _ask(question), f"{provider}/{model}")
    except RiniError as error:
        log.warning("no summary", message=message_id, error=str(error))


@shared_task
def remember(generation_id: str, token_id: str | None) -> None:
    """Make an exchange findable for recall and, where memory is automatic, look through it for what
    is worth keeping."""
    found = Generation.objects.select_related("session__user", "user_message", "assistant_message")
    generation = found.filter(id=generation_id).first()
    if generation is None:
        return
    indexing.index(generation.session_id)
    session = generation.session
    if not settings.MEMORY_EXTRACTION or session.memory_mode != MemoryMode.AUTO:
        return
    caller = asking.caller_again(session.user, token_id)
    if caller is None or generation.status != GenerationStatus.COMPLETED:
        return
    try:
        if reading := extracting.after(caller, generation):
            answer = _ask(reading.question)
            extracting.learnt(caller.user, reading, answer, settings.MEMORY_PER_EXCHANGE)
    except RiniError as error:
        log.warning("nothing could be remembered", generation=generation_id, error=str(error))


@shared_task
def index_session(session_id: str) -> None:
    """Make what was said in a session findable for recall."""
    indexing.index(UUID(session_id))


@shared_task
def index_missed() -> int:
    """Make findable what was said lately and whose task was lost; in how many sessions."""
    sessions = indexing.missed()
    for session_id in sessions:
        indexing.index(session_id)
    return len(sessions)


def _ask(question: Question) -> str:
    connections.close_all()  # none is held while the model thinks
    return asyncio.run(asking.ask_and_close(question))


@shared_task
def import_sessions(job_id: str) -> None:
    """Take in a file of conversations."""
    import_jobs.work_on(UUID(job_id))


@shared_task
def requeue_imports() -> int:
    """Queue the imports that a dead worker left, or that never reached one; how many."""
    jobs = list(import_jobs.left_behind())
    for job in jobs:
        enqueue(import_jobs.WORK, str(job.pk))
    return len(jobs)


@shared_task
def sweep_files() -> int:
    """Delete the files that no message and no import has; how many."""
    return attachments.sweep() + files.sweep(import_jobs.FOLDER, import_jobs.used)


@shared_task
def trim_journal() -> int:
    """Delete the journals of answers that ended long ago; their messages have the text."""
    limit = timezone.now() - timedelta(hours=settings.JOURNAL_RETENTION_HOURS)
    return JournalSegment.objects.filter(generation__finished_at__lt=limit).delete()[0]
