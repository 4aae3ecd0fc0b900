"""The events of a generation, as every reader gets them: pure values and their JSON.

An event is ``{"seq": n, "type": "text.delta", "generation_id": …, …}``; over SSE the number is the
frame's id and the type its name. Numbers begin with 1 and rise; after an interruption they may
jump.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from rini.translation import gettext as _
from rini.translation import gettext_noop
from rini.web import json_lines, sse


class EventType(StrEnum):
    STARTED = "generation.started"
    RECALLED = "memory.recalled"
    RETRIEVED = "retrieval.completed"
    TEXT = "text.delta"
    REASONING = "reasoning.delta"
    TOOL = "tool.delta"
    DROPPED = "citation.dropped"
    COMPLETED = "generation.completed"
    STOPPED = "generation.stopped"
    INCOMPLETE = "generation.incomplete"
    INTERRUPTED = "generation.interrupted"
    FAILED = "generation.failed"


TERMINAL = {
    "completed": EventType.COMPLETED,
    "stopped": EventType.STOPPED,
    "incomplete": EventType.INCOMPLETE,
    "interrupted": EventType.INTERRUPTED,
    "failed": EventType.FAILED,
}
"""The event that ends a generation, by the status that it ends with."""
_TERMINAL_TYPES = frozenset(TERMINAL.values())


@dataclass(slots=True)
class JournalEvent:
    """One event; `data` is what stands beside its number, its type and its generation.

    The generation is None for an answer of which nothing is stored.
    """

    seq: int
    type: EventType
    data: Mapping[str, Any]
    generation_id: UUID | None = None
    _json: bytes = field(default=b"", repr=False, compare=False)

    @property
    def is_terminal(self) -> bool:
        return self.type in _TERMINAL_TYPES

    def json(self) -> bytes:
        """The event's JSON, made once for all readers."""
        if not self._json:
            whose = {"generation_id": self.generation_id} if self.generation_id else {}
            self._json = json_lines.encoded(
                {"seq": self.seq, "type": self.type, **whose, **self.data}
            )
        return self._json

    def stored(self) -> dict[str, Any]:
        """As it stands in the journal of its generation, where its place is its number."""
        return {"type": self.type, **self.data}

    @classmethod
    def from_stored(
        cls, seq: int, stored: Mapping[str, Any], generation_id: UUID | None
    ) -> JournalEvent:
        data = dict(stored)
        return cls(seq, EventType(data.pop("type")), data, generation_id)


_BROKEN_OFF = {
    EventType.INCOMPLETE: gettext_noop("The provider broke the answer off."),
    EventType.INTERRUPTED: gettext_noop("The server that wrote this answer has ended. Ask again."),
}


def failure_of(terminal: JournalEvent) -> str | None:
    """Why an answer is not whole, for people; None for one that was completed, or stopped."""
    problem = terminal.data.get("problem")
    if problem:
        return str(problem["detail"])
    broken_off = _BROKEN_OFF.get(terminal.type)
    return _(broken_off) if broken_off else None


def sse_frames(events: Iterable[JournalEvent]) -> bytes:
    """Events as SSE frames, with the cursor that ``Last-Event-ID`` takes up."""
    return b"".join(sse.encode(event.json(), event=event.type, id=event.seq) for event in events)


def text_of(events: Iterable[JournalEvent], type_: EventType = EventType.TEXT) -> str:
    """What the deltas of one type add up to."""
    return "".join(event.data["text"] for event in events if event.type == type_)


def calls_of(events: Iterable[JournalEvent]) -> list[dict[str, Any]]:
    """The tool calls that their deltas add up to, as OpenAI's messages have them."""
    calls: dict[int, dict[str, Any]] = {}
    for event in events:
        if event.type == EventType.TOOL:
            delta = event.data
            function = {"name": "", "arguments": ""}
            call = calls.setdefault(
                delta["index"], {"id": "", "type": "function", "function": function}
            )
            call["id"] = call["id"] or delta["id"] or ""
            call["function"]["name"] = call["function"]["name"] or delta["name"] or ""
            call["function"]["arguments"] += delta["arguments"]
    return [calls[index] for index in sorted(calls)]
