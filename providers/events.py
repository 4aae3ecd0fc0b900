"""The events in a vendor's answer: what the rest of Rini reads of chunks and completions.

Vendors of OpenAI's format differ in small ways, and all of these are taken: null deltas, missing
fields, usage in the choice (Moonshot's), a last chunk with usage and no choices, usage in several
chunks (the last one counts, they are never added up), ``reasoning`` for ``reasoning_content``, tool
calls without an index, the old ``function_call``, arguments that are an object, a content that is a
list of parts, and a ``refusal`` in the place of a content. Only the first choice makes events; a
client that asks for several reads the chunks themselves, and what all of them hold is in
`ChunkReader.written`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from billing.usage import Usage
from providers.types import (
    EXTRA_CONTENT,
    THINKING_BLOCKS,
    Chunk,
    Completion,
    Event,
    Finished,
    FinishReason,
    Keepsake,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)

_Piece = TextDelta | ReasoningDelta | ToolCallDelta | Keepsake
MAX_NAME = 200  # characters of a model's name, as the ledger keeps it
# OpenAI's reasons, the old one, and what servers of its format say in their place. What is not
# here (Zhipu's ``network_error``, DeepSeek's ``insufficient_system_resource``, vLLM's ``abort``)
# does not prove that an answer is whole.
_REASONS: dict[str, FinishReason] = {
    **{reason: reason for reason in get_args(FinishReason)},
    **dict.fromkeys(("eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("max_tokens", "model_length", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(("sensitive", "safety"), "content_filter"),
    **dict.fromkeys(("function_call", "tool_use"), "tool_calls"),
}


class ChunkReader:
    """Reads one stream: `feed` every chunk, then `finish` once."""

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._usage_is_whole = False
        self._usage_of_choices: dict[Any, Usage] = {}
        self._model: str | None = None
        self._reason: str | None = None
        self._service_tier = ""
        self._calls = _ToolCalls()
        self.written: list[str] = []
        """What was written so far in all choices: text, reasoning, arguments of tools."""

    def feed(self, chunk: Chunk) -> Sequence[Event]:
        """The events of one chunk; never Finished."""
        if isinstance(model := chunk.get("model"), str) and model.isprintable():
            self._model = model[:MAX_NAME]
        self._service_tier = _text(chunk.get("service_tier")) or self._service_tier
        events: list[_Piece] = []
        written_before = len(self.written)
        for choice in _choices(chunk):
            if choice.get("index"):
                self.written += _written(_events(choice.get("delta"), _ToolCalls()))
                continue
            if isinstance(reason := choice.get("finish_reason"), str) and reason:
                self._reason = reason
            events += _events(choice.get("delta"), self._calls)
        self.written += _written(events)
        usage = chunk.get("usage")
        if not isinstance(usage, Mapping) and self._is_told_by_choices(chunk):
            self._usage, self._usage_is_whole = _together(self._usage_of_choices), True
        elif isinstance(usage, Mapping):
            self._usage, self._usage_is_whole = Usage.from_openai(usage), True
            self._service_tier = _text(usage.get("service_tier")) or self._service_tier
        elif len(self.written) > written_before:
            self._usage_is_whole = False
        return events

    def _is_told_by_choices(self, chunk: Chunk) -> bool:
        """Whether choices of `chunk` have a usage of their own."""
        told = {
            choice.get("index") or 0: Usage.from_openai(choice["usage"])
            for choice in _choices(chunk)
            if isinstance(choice.get("usage"), Mapping)
        }
        self._usage_of_choices |= told
        return bool(told)

    def finish(self) -> Finished:
        """The end. Its reason is ``incomplete`` if no chunk had a finish_reason that is known."""
        reason = _REASONS.get((self._reason or "").lower(), "incomplete")
        return Finished(reason, self.usage, self._model, self._service_tier)

    @property
    def usage(self) -> Usage:
        """What the vendor has said so far. An output that it counted before the last piece of
        the answer came (Anthropic opens with a count of 1) does not cover it: then it is unknown.
        """
        usage = self._usage or Usage()
        if self._usage_is_whole:
            return usage
        return replace(usage, output_tokens=None, reasoning_tokens=None, output_audio_tokens=None)


def _together(usages: Mapping[Any, Usage]) -> Usage:
    """The usage of several choices to one prompt: what came out of all of them."""
    *others, last = usages.values()
    outputs = ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")
    for other in others:
        sums = {name: (getattr(other, name), getattr(last, name)) for name in outputs}
        last = replace(last, **{n: a if b is None else b + (a or 0) for n, (a, b) in sums.items()})
    return last


def events_of(completion: Completion) -> list[Event]:
    """The events of a whole answer, Finished last."""
    reader = ChunkReader()
    return [*reader.feed(as_chunk(completion)), reader.finish()]


def as_chunk(completion: Completion) -> Chunk:
    """A whole answer as the only chunk of a stream: a choice's message is its delta."""
    choices = [{**choice, "delta": choice.get("message")} for choice in _choices(completion)]
    return {**completion, "choices": choices}


class _ToolCalls:
    """Gives every piece of a tool call its index, also where the vendor leaves it out."""

    def __init__(self) -> None:
        self._last = -1

    def deltas(self, delta: Mapping[str, Any]) -> Iterator[ToolCallDelta | Keepsake]:
        old = delta.get("function_call")
        if isinstance(old, Mapping):
            yield _tool_call(0, None, old)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, Iterable) else ():
            if isinstance(call, Mapping):
                yield (piece := self._delta(call))
                if kept := _kept(call):
                    yield Keepsake(kept, piece.index)

    def _delta(self, call: Mapping[str, Any]) -> ToolCallDelta:
        index, call_id = call.get("index"), call.get("id") or None
        if not isinstance(index, int):
            index = self._last + 1 if call_id or self._last < 0 else self._last
        self._last = index
        function = call.get("function")
        return _tool_call(index, call_id, function if isinstance(function, Mapping) else {})


def _tool_call(index: int, call_id: str | None, function: Mapping[str, Any]) -> ToolCallDelta:
    name, arguments = function.get("name") or None, function.get("arguments") or ""
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCallDelta(index, call_id, name, arguments)


def _events(delta: object, calls: _ToolCalls) -> Iterator[_Piece]:
    if not isinstance(delta, Mapping):
        return
    if reasoning := _text(delta.get("reasoning_content") or delta.get("reasoning")):
        yield ReasoningDelta(reasoning)
    if text := _text(delta.get("content") or delta.get("refusal")):
        yield TextDelta(text)
    yield from calls.deltas(delta)
    if kept := _kept(delta):
        yield Keepsake(kept)


def _kept(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {name: holder[name] for name in (THINKING_BLOCKS, EXTRA_CONTENT) if holder.get(name)}


def _written(pieces: Iterable[_Piece]) -> Iterator[str]:
    for piece in pieces:
        if not isinstance(piece, Keepsake):
            yield piece.arguments if isinstance(piece, ToolCallDelta) else piece.text


def _choices(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping):
            yield choice


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "".join(text for text in texts if isinstance(text, str))
