"""An answer's events as the parts of a UI message stream, version 1. Pure.

Format: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol. The same events make the same parts, so
that a page that comes back gets from the beginning what it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conversations.answering.events import EventType, JournalEvent, failure_of
from rini.dialects.ai_sdk.messages import call_id, sources, tool_input
from rini.errors import RiniError, sentence
from rini.web import json_lines

HEADERS = {"x-vercel-ai-ui-message-stream": "v1"}
DONE = b"data: [DONE]\n\n"
_REASONS = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
}
_DELTAS = {EventType.TEXT: "text", EventType.REASONING: "reasoning"}
Json = dict[str, Any]


@dataclass(slots=True)
class _Call:
    """A call of a tool as far as it has come; a page is told of it once its name is known."""

    id: str
    name: str = ""
    arguments: str = ""
    is_told: bool = False


class Parts:
    """Makes parts of events, which must come in their order."""

    def __init__(self) -> None:
        self._has_started = False
        self._open = ""
        """The kind of the part that is being written: text or reasoning."""
        self._number = 0
        self._calls: dict[int, _Call] = {}

    def of(self, event: JournalEvent) -> list[Json]:
        """The parts that an event is; many are none."""
        if event.is_terminal:
            return [*self._rest(event), *_end(event)]
        data = event.data
        if event.type == EventType.STARTED:
            ids = data["assistant_message_id"], data["session_id"], data["generation_id"]
            return self._start(*ids, data["provider"], data["model"])
        if kind := _DELTAS.get(event.type):
            return self._delta(kind, data["text"])
        return self._call(data) if event.type == EventType.TOOL else []

    def _start(self, id_: int, session: str, answer: str, provider: str, model: str) -> list[Json]:
        self._has_started = True
        metadata = {
            "sessionId": session,
            "generationId": answer,
            "provider": provider,
            "model": model,
        }
        start = {"type": "start", "messageId": str(id_), "messageMetadata": metadata}
        return [start, {"type": "start-step"}]

    def _delta(self, kind: str, text: str) -> list[Json]:
        parts: list[Json] = []
        if kind != self._open:
            parts = self._close()
            self._open, self._number = kind, self._number + 1
            parts.append({"type": f"{kind}-start", "id": str(self._number)})
        return [*parts, {"type": f"{kind}-delta", "id": str(self._number), "delta": text}]

    def _close(self) -> list[Json]:
        kind, self._open = self._open, ""
        return [{"type": f"{kind}-end", "id": str(self._number)}] if kind else []

    def _call(self, data: Mapping[str, Any]) -> list[Json]:
        index, piece = data["index"], data["arguments"]
        call = self._calls.setdefault(index, _Call(data["id"] or call_id(index)))
        call.name = call.name or data["name"] or ""
        call.arguments += piece
        if not call.name:
            return []
        parts = self._close()
        if not call.is_told:
            call.is_told, piece = True, call.arguments
            told = {"toolCallId": call.id, "toolName": call.name}
            parts.append({"type": "tool-input-start", **told})
        if piece:
            delta = {"toolCallId": call.id, "inputTextDelta": piece}
            parts.append({"type": "tool-input-delta", **delta})
        return parts

    def _rest(self, terminal: JournalEvent) -> list[Json]:
        """What the end of an answer has still to say of it: all, where its journal is trimmed."""
        message, parts = terminal.data["message"], []
        if not self._has_started:
            ids = message["id"], message["session_id"], str(terminal.generation_id)
            parts = self._start(*ids, message["provider"], message["model_used"])
            for kind, text in (("reasoning", message["reasoning"]), ("text", message["content"])):
                parts += self._delta(kind, text) if text else []
            for i, call in enumerate(message["tool_calls"]):
                parts += self._call({"index": i, "id": call["id"], **call["function"]})
        calls = [c for c in self._calls.values() if c.is_told]
        return [
            *parts,
            *self._close(),
            *(tool_input(call.id, call.name, call.arguments) for call in calls),
            *sources(message["citations"]),
            {"type": "finish-step"},
        ]


def _end(terminal: JournalEvent) -> Iterable[Json]:
    if terminal.type == EventType.STOPPED:
        return [{"type": "abort"}]
    if failure := failure_of(terminal):
        return [{"type": "error", "errorText": failure}]
    usage = terminal.data["usage"]
    counted = {"inputTokens": usage["prompt_tokens"], "outputTokens": usage["completion_tokens"]}
    reason = _REASONS.get(terminal.data["finish_reason"], "other")
    metadata = {"usage": counted, "cost": usage["cost"]}
    return [{"type": "finish", "finishReason": reason, "messageMetadata": metadata}]


def frames(parts: Iterable[Json]) -> bytes:
    return b"".join(b"data: " + json_lines.encoded(part) + b"\n\n" for part in parts)


def farewell(error: RiniError) -> bytes:
    """The last frames for a caller that may not read on."""
    return frames([{"type": "error", "errorText": sentence(error)}]) + DONE
