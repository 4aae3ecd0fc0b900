"""The answer of a model of another vendor as Anthropic's message, whole or as its events. Pure.

A stream is ``message_start``, per block ``content_block_start``, ``content_block_delta`` … and
``content_block_stop``, then ``message_delta`` with the reason of the end and the usage, and
``message_stop``. Blocks never overlap: where a vendor interleaves tool calls, the later ones
wait. https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from billing.usage import Usage
from providers.events import ChunkReader, as_chunk
from providers.types import (
    EXTRA_CONTENT,
    Chunk,
    Completion,
    Event,
    FinishReason,
    Keepsake,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from rini.dialects.anthropic import keepsakes

Json = dict[str, Any]
_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


@dataclass(slots=True)
class _Call:
    """A tool call; `arguments` are those that have not been said yet."""

    id: str
    name: str
    arguments: str = ""


@dataclass(slots=True)
class Answer:
    """Reads one answer's chunks: `opening`, `events` of each, `ending`. `id` is the message's."""

    id: str
    model: str
    _reader: ChunkReader = field(default_factory=ChunkReader)
    _index: int = -1
    _open: str = ""
    _calls: dict[int, _Call] = field(default_factory=dict)
    _speaking: int | None = None
    """Which of the calls is being said."""
    _ids: dict[int, str] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict)
    """What the vendor wants back with its calls, by their ids."""

    def opening(self) -> Iterator[Json]:
        message = _message(self.id, self.model, [], None, Usage())
        yield {"type": "message_start", "message": message}

    def events(self, chunk: Chunk) -> Iterator[Json]:
        """The events of a chunk."""
        for event in self._reader.feed(chunk):
            yield from self._of(event)

    def ending(self, usage: Usage) -> Iterator[Json]:
        """The events after the last chunk."""
        yield from self._closed()
        for call in list(self._calls.values()):
            yield from self._whole(call)
        if self._kept:
            yield from self._block(keepsakes.block(self._kept))
        reason = _REASONS.get(self._reader.finish().reason)
        delta = {"stop_reason": reason, "stop_sequence": None}
        yield {"type": "message_delta", "delta": delta, "usage": _usage(usage)}
        yield {"type": "message_stop"}

    def _of(self, event: Event) -> Iterator[Json]:
        match event:
            case ReasoningDelta(text):
                yield from self._said("thinking", text)
            case TextDelta(text):
                yield from self._said("text", text)
            case ToolCallDelta():
                yield from self._called(event)
            case Keepsake(fields, int() as index) if EXTRA_CONTENT in fields:
                self._kept[self._ids[index]] = fields[EXTRA_CONTENT]

    def _said(self, kind: str, text: str) -> Iterator[Json]:
        if self._open != kind:
            yield from self._closed()
            block = {"type": kind, kind: ""} | ({"signature": ""} if kind == "thinking" else {})
            yield from self._begun(kind, block)
        yield self._delta({"type": f"{kind}_delta", kind: text})

    def _called(self, event: ToolCallDelta) -> Iterator[Json]:
        call = self._calls.get(event.index)
        if call is None:
            call = _Call(event.id or f"{self.id}_{event.index}", event.name or "")
            self._calls[event.index], self._ids[event.index] = call, call.id
        call.arguments += event.arguments
        if self._speaking is None:
            yield from self._closed()
            self._speaking = event.index
            yield from self._begun("tool_use", _tool_use(call))
        if self._speaking == event.index and call.arguments:
            yield self._argued(call)

    def _whole(self, call: _Call) -> Iterator[Json]:
        yield from self._begun("tool_use", _tool_use(call))
        if call.arguments:
            yield self._argued(call)
        yield from self._closed()

    def _argued(self, call: _Call) -> Json:
        arguments, call.arguments = call.arguments, ""
        return self._delta({"type": "input_json_delta", "partial_json": arguments})

    def _block(self, block: Json) -> Iterator[Json]:
        yield from self._begun(block["type"], block)
        yield from self._closed()

    def _begun(self, kind: str, block: Json) -> Iterator[Json]:
        self._index += 1
        self._open = kind
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: Json) -> Json:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _closed(self) -> Iterator[Json]:
        if not self._open:
            return
        yield {"type": "content_block_stop", "index": self._index}
        self._open = ""
        if self._speaking is not None:
            del self._calls[self._speaking]
            self._speaking = None


def whole(answer: Answer, completion: Completion, usage: Usage) -> Json:
    """A whole answer as one message: what its events add up to."""
    content: list[Json] = []
    arguments = ""
    end: Json = {}
    for event in (*answer.events(as_chunk(completion)), *answer.ending(usage)):
        match event["type"]:
            case "content_block_start":
                content.append({**event["content_block"]})
                arguments = ""
            case "content_block_delta":
                delta = event["delta"]
                kind = delta["type"].removesuffix("_delta")
                if kind == "input_json":
                    arguments += delta["partial_json"]
                    content[-1]["input"] = _arguments(arguments)
                else:
                    content[-1][kind] += delta[kind]
            case "message_delta":
                end = event
    return _message(answer.id, answer.model, content, end["delta"]["stop_reason"], usage)


def _message(
    message_id: str, model: str, content: list[Json], reason: str | None, usage: Usage
) -> Json:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": _usage(usage),
    }


def _tool_use(call: _Call) -> Json:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}


def _arguments(arguments: str) -> object:
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {}  # it was cut off, as `stop_reason` says


def _usage(usage: Usage) -> Json:
    """Anthropic's counts: what went in without what was read from the cache or written to it."""
    read, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    return {
        "input_tokens": max(0, (usage.input_tokens or 0) - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens or 0,
    }
