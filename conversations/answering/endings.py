"""How a generation ends: its last events, its message and its state, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone

from billing.models import UsageRecord
from conversations import search, tree
from conversations.answering import journal, totals
from conversations.answering.citing import citations_of, retrieval_of
from conversations.answering.events import TERMINAL, EventType, JournalEvent, calls_of, text_of
from conversations.answering.recollection import memories_of, recalled_of
from conversations.answering.totals import total
from conversations.message_json import terminal_data
from conversations.models import (
    FinishReason,
    Generation,
    GenerationStatus,
    JournalSegment,
    Message,
    MessageStatus,
)
from providers.types import Keepsake
from rini.storage.notifications import notify
from rini.storage.statements import columns, execute, names, selected
from rini.text import storable_value

# A process that died may have shown readers events that it never stored. The number of the
# terminal event lies beyond them, so that readers who come back with such a cursor still get it.
INTERRUPTION_GAP = 100_000

_LOCKED = f"SELECT {names(Generation)} FROM conversations_generation WHERE id = %s FOR UPDATE"  # noqa: S608
_STORE = """
    WITH written AS (
        UPDATE conversations_message AS message
        SET content = new.content, reasoning = new.reasoning, status = new.status,
            citations = new.citations, tool_calls = new.tool_calls, keepsakes = new.keepsakes,
            memories = new.memories,
            finish_reason = new.finish_reason,
            prompt_tokens = new.prompt_tokens, completion_tokens = new.completion_tokens,
            token_count = new.token_count, cost_nano = new.cost_nano,
            time_to_first_token_ms = new.time_to_first_token_ms,
            response_time_ms = new.response_time_ms, model_used = new.model_used
        FROM json_populate_record(NULL::conversations_message, %s) AS new
        WHERE message.id = new.id
    ), ended AS (
        UPDATE conversations_generation AS generation
        SET status = new.status, problem = new.problem, last_seq = new.last_seq,
            retrieval = new.retrieval, recalled = new.recalled,
            finished_at = new.finished_at
        FROM json_populate_record(NULL::conversations_generation, %s) AS new
        WHERE generation.id = new.id
    )
    INSERT INTO conversations_journalsegment (generation_id, first_seq, last_seq, events)
    SELECT generation_id, first_seq, last_seq, events
    FROM json_populate_record(NULL::conversations_journalsegment, %s)
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a generation ended, and the ledger rows of its calls, the first one first."""

    status: GenerationStatus
    records: Sequence[UsageRecord]
    finish_reason: FinishReason | None = None
    problem: Mapping[str, Any] | None = None
    refused_images: Sequence[int] = ()
    """Messages whose images its provider has refused."""
    keepsakes: Sequence[Keepsake] = ()


def end(generation_id: UUID, unstored: Sequence[JournalEvent], ending: Ending) -> JournalEvent:
    """Store the end of a generation and return its terminal event.

    The first end counts: for a generation that has ended already its own terminal event returns.
    Raises `Generation.DoesNotExist`.
    """
    with transaction.atomic():
        generation = _locked(generation_id)
        if generation.status == GenerationStatus.RUNNING:
            return _end(generation, unstored, ending)
    events, _ = journal.read(generation_id, (generation.last_seq or 1) - 1)
    return events[-1]


def _locked(generation_id: UUID) -> Generation:
    """The generation with its messages; until the end of the transaction nobody else ends it."""
    for generation in selected(Generation, _LOCKED, [generation_id]):
        ids = [generation.user_message_id, generation.assistant_message_id]
        generation.user_message, generation.assistant_message = tree.messages_of(ids)
        return generation
    raise Generation.DoesNotExist


def _end(generation: Generation, unstored: Sequence[JournalEvent], ending: Ending) -> JournalEvent:
    if unstored:
        journal.store([(generation.id, list(unstored))])
    events = journal.stored_events(generation.id)
    message = generation.assistant_message
    _complete(message, events, ending)
    last = events[-1].seq if events else 0
    gap = INTERRUPTION_GAP if ending.status == GenerationStatus.INTERRUPTED else 1
    generation.status = ending.status
    generation.problem = dict(ending.problem) if ending.problem else None
    generation.last_seq = last + gap
    generation.retrieval = retrieval_of(events)
    generation.recalled = recalled_of(events)
    generation.finished_at = timezone.now()
    type_, data = TERMINAL[ending.status], terminal_data(generation)
    terminal = JournalEvent(generation.last_seq, type_, data, generation.id)
    _store(generation, terminal)
    if ending.refused_images:
        _remember_refused(ending.refused_images, generation.provider)
    search.index_messages([generation.user_message, message])
    notify([f"journal:{generation.id}"])
    return terminal


def _store(generation: Generation, terminal: JournalEvent) -> None:
    segment = JournalSegment(
        generation=generation,
        first_seq=terminal.seq,
        last_seq=terminal.seq,
        events=[terminal.stored()],
    )
    rows = (generation.assistant_message, generation, segment)
    execute(_STORE, [orjson.dumps(columns(row)).decode() for row in rows])


def _complete(message: Message, events: Sequence[JournalEvent], ending: Ending) -> None:
    message.content = text_of(events)
    message.reasoning = text_of(events, EventType.REASONING)
    message.citations = citations_of(events, message.content)
    message.tool_calls = calls_of(events)
    message.memories = memories_of(events)
    message.keepsakes = [storable_value(asdict(kept)) for kept in ending.keepsakes] or None
    message.status = _MESSAGE_STATUS[ending.status]
    message.finish_reason = ending.finish_reason
    if records := ending.records:
        message.prompt_tokens = total(record.input_tokens for record in records)
        message.completion_tokens = total(record.output_tokens for record in records)
        message.token_count = totals.written(records)
        message.cost_nano = total(record.cost_nano for record in records)
        message.time_to_first_token_ms = totals.time_to_first_token(records)
        message.response_time_ms = total(record.duration_ms for record in records)
        message.model_used = records[-1].model_answered or message.model_used


def _remember_refused(message_ids: Sequence[int], provider: str) -> None:
    """Have later turns go to this provider without the images of these messages."""
    for message in Message.objects.select_for_update().filter(id__in=message_ids).order_by("id"):
        message.refused_by = sorted({*(message.refused_by or ()), provider})
        message.save(update_fields=["refused_by"])


_MESSAGE_STATUS = {
    GenerationStatus.COMPLETED: MessageStatus.COMPLETE,
    GenerationStatus.STOPPED: MessageStatus.STOPPED,
    GenerationStatus.INCOMPLETE: MessageStatus.INCOMPLETE,
    GenerationStatus.INTERRUPTED: MessageStatus.INTERRUPTED,
    GenerationStatus.FAILED: MessageStatus.FAILED,
}
