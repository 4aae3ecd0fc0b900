"""The text so far of answers that are still being written, for those who look in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from conversations.answering.events import EventType
from conversations.models import JournalSegment, Message, MessageStatus


def with_text_so_far(messages: Iterable[Message]) -> list[Message]:
    """The messages; those that are being written have what the journal has of them."""
    messages = list(messages)
    streaming = {m.pk: m for m in messages if m.status == MessageStatus.STREAMING}
    if streaming:
        for message_id, events in _journaled(streaming).items():
            streaming[message_id].content = _text(events, EventType.TEXT)
            streaming[message_id].reasoning = _text(events, EventType.REASONING)
    return messages


def _journaled(message_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    segments = JournalSegment.objects.filter(
        generation__assistant_message__in=list(message_ids)
    ).order_by("generation", "first_seq")
    events: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for message_id, batch in segments.values_list("generation__assistant_message", "events"):
        events[message_id] += batch
    return events


def _text(events: Iterable[dict[str, Any]], kind: EventType) -> str:
    return "".join(event["text"] for event in events if event["type"] == kind)
