"""How a generation ends: its last events, its message and its state, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing.models import UsageRecord
from conversations import journal, search
from conversations.models import (
    Generation,
    GenerationStatus,
    JournalSegment,
    Message,
    MessageStatus,
)
from conversations.serializers import terminal_data
from conversations.wire import TERMINAL, JournalEvent, text_of
from rini.notifications import notify

# A process that died may have shown readers events that it never stored. The number of the
# terminal event lies beyond them, so that readers who come back with such a cursor still get it.
INTERRUPTION_GAP = 100_000


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a generation ended, and what its call came to."""

    status: GenerationStatus
    record: UsageRecord | None
    problem: Mapping[str, Any] | None = None


def end(generation_id: UUID, unstored: Sequence[JournalEvent], ending: Ending) -> JournalEvent:
    """Store the end of a generation and return its terminal event.

    The first end counts: for a generation that has ended already its own terminal event returns.
    """
    with transaction.atomic():
        generation = (
            Generation.objects.select_for_update(of=("self",))
            .select_related("user_message", "assistant_message")
            .get(id=generation_id)
        )
        if generation.status == GenerationStatus.RUNNING:
            return _end(generation, unstored, ending)
    events, _ = journal.read(generation_id, (generation.last_seq or 1) - 1)
    return events[-1]


def _end(generation: Generation, unstored: Sequence[JournalEvent], ending: Ending) -> JournalEvent:
    if unstored:
        journal.store([(generation.id, list(unstored))])
    events, _ = journal.read(generation.id, 0)
    _complete_message(generation.assistant_message, events, ending)
    search.index_messages([generation.user_message, generation.assistant_message])
    last = events[-1].seq if events else 0
    gap = INTERRUPTION_GAP if ending.status == GenerationStatus.INTERRUPTED else 1
    generation.status = ending.status
    generation.problem = dict(ending.problem) if ending.problem else None
    generation.last_seq = last + gap
    generation.finished_at = timezone.now()
    generation.save()
    terminal = JournalEvent(
        generation.last_seq, TERMINAL[generation.status], terminal_data(generation)
    )
    JournalSegment.objects.create(
        generation=generation,
        first_seq=terminal.seq,
        last_seq=terminal.seq,
        events=[terminal.stored()],
    )
    notify([f"journal:{generation.id}"])
    return terminal


def _complete_message(message: Message, events: Sequence[JournalEvent], ending: Ending) -> None:
    message.content = text_of(events)
    message.reasoning = text_of(events, "reasoning.delta")
    message.status = _MESSAGE_STATUS[ending.status]
    if record := ending.record:
        message.prompt_tokens = record.input_tokens
        message.completion_tokens = record.output_tokens
        message.token_count = _written(record)
        message.cost_nano = record.cost_nano
        message.time_to_first_token_ms = record.time_to_first_token_ms
        message.response_time_ms = record.duration_ms
        message.model_used = record.model_answered or message.model_used
    message.save()


def _written(record: UsageRecord) -> int | None:
    """The tokens of the answer's text: the output without what was only thought."""
    if record.output_tokens is None:
        return None
    return max(0, record.output_tokens - (record.reasoning_tokens or 0))


_MESSAGE_STATUS = {
    GenerationStatus.COMPLETED: MessageStatus.COMPLETE,
    GenerationStatus.STOPPED: MessageStatus.STOPPED,
    GenerationStatus.INCOMPLETE: MessageStatus.INCOMPLETE,
    GenerationStatus.INTERRUPTED: MessageStatus.INTERRUPTED,
    GenerationStatus.FAILED: MessageStatus.FAILED,
}
