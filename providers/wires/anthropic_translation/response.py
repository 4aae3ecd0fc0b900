"""Anthropic's stream of events as OpenAI's chunks, and the chunks as a whole answer.

A stream is ``message_start``, per block ``content_block_start``, ``content_block_delta`` … and
``content_block_stop``, then ``message_delta`` with the reason of the end and ``message_stop``. Only
the last one says that all has come: the ``finish_reason`` waits for it. ``ping`` and events that
came later than this module are skipped.
https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from providers.types import THINKING_BLOCKS, Chunk, Completion
from providers.wires.anthropic_translation.names import ToolNames
from providers.wires.anthropic_translation.usage import openai_usage
from providers.wires.surrogates import Joiner, mended

Event = Mapping[str, Any]
Delta = dict[str, Any]

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""``pause_turn`` is no end, and an unknown reason proves none: the answer is incomplete then."""


class Answer:
    """Reads one stream. `created` is its time in Unix seconds."""

    def __init__(self, names: ToolNames, created: int) -> None:
        self.is_over = False
        self._names = names
        self._frame: dict[str, Any] = {"object": "chat.completion.chunk", "created": created}
        self._usage: dict[str, Any] = {}
        self._reason: str | None = None
        self._block: Mapping[str, Any] = {}
        self._thinking: dict[str, str] = {}
        self._text = Joiner()
        self._calls = 0
        self._thoughts = 0
        self._has_arguments = False

    def chunks(self, event: Event) -> Sequence[Chunk]:
        """The chunks for one event; an ``error`` event is its reader's."""
        handle = _HANDLERS.get(str(event.get("type")))
        return () if handle is None else handle(self, event)

    def _opened(self, event: Event) -> Sequence[Chunk]:
        message = _mapping(event.get("message"))
        self._frame |= {"id": _word(message, "id"), "model": _word(message, "model")}
        return [self._chunk({"role": "assistant", "content": ""}) | self._counted(message)]

    def _begun(self, event: Event) -> Sequence[Chunk]:
        self._block = block = _mapping(event.get("content_block"))
        kind = block.get("type")
        if kind == "text":
            return self._said("content", _text(block, "text"))
        if kind == "thinking":
            self._thinking = {"thinking": "", "signature": _word(block, "signature")}
            return self._thought(_text(block, "thinking"))
        if kind == "redacted_thinking":
            return self._kept({"type": kind, "data": _word(block, "data")})
        if kind == "tool_use":
            self._has_arguments = False
            function = {"name": self._names.told(_word(block, "name")), "arguments": ""}
            return self._called(
                {"id": _word(block, "id"), "type": "function", "function": function}
            )
        return ()

    def _continued(self, event: Event) -> Sequence[Chunk]:
        delta = _mapping(event.get("delta"))
        kind = delta.get("type")
        if kind == "text_delta":
            return self._said("content", _text(delta, "text"))
        if kind == "thinking_delta":
            return self._thought(_text(delta, "thinking"))
        if kind == "input_json_delta" and self._block.get("type") == "tool_use":
            return self._argued(_text(delta, "partial_json"))
        if kind == "signature_delta" and self._thinking:
            self._thinking["signature"] += _word(delta, "signature")
        return ()

    def _ended(self, event: Event) -> Sequence[Chunk]:
        kind, rest = self._block.get("type"), self._text.rest()
        last: Sequence[Chunk] = ()
        if kind == "text":
            last = self._said("content", rest)
        elif kind == "thinking":
            last = [*self._thought(rest), *self._kept({"type": kind, **self._thinking})]
        elif kind == "tool_use":
            given = json.dumps(self._block.get("input") or {}, ensure_ascii=False)
            last = self._argued(rest if self._has_arguments else given)
            self._calls += 1
        self._block, self._thinking = {}, {}
        return last

    def _told(self, event: Event) -> Sequence[Chunk]:
        delta = _mapping(event.get("delta"))
        self._reason = delta.get("stop_reason")
        why = _text(_mapping(delta.get("stop_details")), "explanation")
        refusal = self._said("refusal", why) if self._reason == "refusal" else ()
        usage = self._counted(event)
        return [*refusal, *([{**self._frame, "choices": [], **usage}] if usage else ())]

    def _stopped(self, event: Event) -> Sequence[Chunk]:
        self.is_over = True
        reason = _REASONS.get(self._reason) if isinstance(self._reason, str) else None
        return () if reason is None else [self._chunk({}, reason)]

    def _said(self, field: str, text: str) -> Sequence[Chunk]:
        text = self._text.feed(text)
        return [self._chunk({field: text})] if text else ()

    def _thought(self, text: str) -> Sequence[Chunk]:
        text = self._text.feed(text)
        if text and self._thinking:
            self._thinking["thinking"] += text
        return [self._chunk({"reasoning_content": text})] if text else ()

    def _kept(self, block: dict[str, Any]) -> Sequence[Chunk]:
        """A block of thinking that Claude wants back as it is."""
        delta = {THINKING_BLOCKS: [{"index": self._thoughts, **block}]}
        self._thoughts += 1
        return [self._chunk(delta)]

    def _argued(self, arguments: str) -> Sequence[Chunk]:
        arguments = self._text.feed(arguments)
        self._has_arguments = self._has_arguments or bool(arguments)
        return self._called({"function": {"arguments": arguments}}) if arguments else ()

    def _called(self, call: dict[str, Any]) -> Sequence[Chunk]:
        return [self._chunk({"tool_calls": [{"index": self._calls, **call}]})]

    def _counted(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The usage so far. Later counts replace earlier ones, zeros too; nulls say nothing."""
        usage = {n: v for n, v in _mapping(told.get("usage")).items() if v is not None}
        self._usage |= usage
        return {"usage": openai_usage(self._usage)} if usage else {}

    def _chunk(self, delta: Delta, reason: str | None = None) -> Chunk:
        return {
            **self._frame,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }


_HANDLERS: Mapping[str, Callable[[Answer, Event], Sequence[Chunk]]] = {
    "message_start": Answer._opened,
    "content_block_start": Answer._begun,
    "content_block_delta": Answer._continued,
    "content_block_stop": Answer._ended,
    "message_delta": Answer._told,
    "message_stop": Answer._stopped,
}


def events_of(message: Mapping[str, Any]) -> Iterator[Event]:
    """A whole message as the events of a stream that brings each block at once."""
    yield {"type": "message_start", "message": {**message, "content": []}}
    content = message.get("content")
    for index, block in enumerate(content if isinstance(content, list) else ()):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": message, "usage": message.get("usage")}
    yield {"type": "message_stop"}


def completion(chunks: Iterable[Chunk]) -> Completion:
    """The whole answer that `chunks` are; its ``finish_reason`` is None if none had one."""
    frame: dict[str, Any] = {}
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": [], "refusal": []}
    calls: dict[int, dict[str, Any]] = {}
    thoughts: list[dict[str, Any]] = []
    reason = None
    for chunk in chunks:
        frame |= {name: value for name, value in chunk.items() if name != "choices"}
        for choice in chunk["choices"]:
            delta, reason = choice["delta"], choice["finish_reason"] or reason
            for field, pieces in texts.items():
                if delta.get(field):
                    pieces.append(delta[field])
            for call in delta.get("tool_calls", ()):
                _add_call(calls, call)
            thoughts += [_without_index(block) for block in delta.get(THINKING_BLOCKS, ())]
    told = {field: "".join(pieces) for field, pieces in texts.items() if pieces}
    message: dict[str, Any] = {"role": "assistant", "content": None, **told}
    message |= {THINKING_BLOCKS: thoughts} if thoughts else {}
    message |= {"tool_calls": list(calls.values())} if calls else {}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return {**frame, "object": "chat.completion", "choices": [choice]}


def _add_call(calls: dict[int, dict[str, Any]], piece: Mapping[str, Any]) -> None:
    call = calls.get(piece["index"])
    if call is None:
        call = {**_without_index(piece), "function": {**piece["function"]}}
        calls[piece["index"]] = call
    else:
        call["function"]["arguments"] += piece["function"]["arguments"]


def _without_index(piece: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in piece.items() if name != "index"}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(source: Mapping[str, Any], name: str) -> str:
    """A text that comes in one piece."""
    return mended(_text(source, name))


def _text(source: Mapping[str, Any], name: str) -> str:
    value = source.get(name)
    return value if isinstance(value, str) else ""
