"""The events of a generation, as every reader gets them: pure values and their JSON.

An event is ``{"seq": n, "type": "text.delta", …}``; over SSE the number is the frame's id and the
type its name. Numbers begin with 1 and rise; after an interruption they may jump.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from rini.web import sse

TERMINAL = {
    "completed": "generation.completed",
    "stopped": "generation.stopped",
    "incomplete": "generation.incomplete",
    "interrupted": "generation.interrupted",
    "failed": "generation.failed",
}
_TERMINAL_TYPES = frozenset(TERMINAL.values())


@dataclass(slots=True)
class JournalEvent:
    """One event; `data` is what stands beside its number and type."""

    seq: int
    type: str
    data: Mapping[str, Any]
    _json: bytes = field(default=b"", repr=False, compare=False)

    @property
    def is_terminal(self) -> bool:
        return self.type in _TERMINAL_TYPES

    def json(self) -> bytes:
        """The event's JSON, made once for all readers."""
        if not self._json:
            self._json = orjson.dumps({"seq": self.seq, "type": self.type, **self.data})
        return self._json

    def stored(self) -> dict[str, Any]:
        """As it stands in the journal, where its place is its number."""
        return {"type": self.type, **self.data}

    @classmethod
    def from_stored(cls, seq: int, stored: Mapping[str, Any]) -> JournalEvent:
        data = dict(stored)
        return cls(seq, data.pop("type"), data)


_BROKEN_OFF = {
    "generation.incomplete": "The provider broke the answer off.",
    "generation.interrupted": "The server that wrote this answer has ended. Ask again.",
}


def failure_of(terminal: JournalEvent) -> str | None:
    """Why an answer is not whole, for people; None for one that was completed, or stopped."""
    problem = terminal.data.get("problem")
    return str(problem["detail"]) if problem else _BROKEN_OFF.get(terminal.type)


def sse_frames(events: Iterable[JournalEvent]) -> bytes:
    """Events as SSE frames, with the cursor that ``Last-Event-ID`` takes up."""
    return b"".join(sse.encode(event.json(), event=event.type, id=event.seq) for event in events)


def text_of(events: Iterable[JournalEvent], type_: str = "text.delta") -> str:
    """What the deltas of one type add up to."""
    return "".join(event.data["text"] for event in events if event.type == type_)
