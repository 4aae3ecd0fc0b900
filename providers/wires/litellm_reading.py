"""OpenAI's chunks from litellm's streams, with the usage and the end that the vendor itself told.

litellm's stream keeps the vendor's usage in its ``chunks`` and shows its readers an estimate; it
says ``stop`` at the end of a stream that was cut off. It marks every chunk of Gemini's as
finished, so for Gemini the end is read in the vendor's JSON, which passes through
``chunk_parser``. Checked with litellm 1.106.2; the tests of the wire cut streams at every place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from providers.types import Chunk, Target


class Reading:
    """Reads one stream."""

    def __init__(self, target: Target) -> None:
        self.began = False
        self._target = target
        self._stream: Any = None
        self._usages_seen = 0
        self._usage_covers_text = False
        self._is_gemini = False
        self._gemini_ended = False

    async def chunks(self, stream: Any) -> AsyncIterator[Chunk]:
        """The chunks of a ``CustomStreamWrapper``. Raises what litellm raises."""
        self._stream = stream
        if stream.completion_stream is None:
            await stream.fetch_stream()
        parser = getattr(stream.completion_stream, "chunk_parser", None)
        if parser is not None:
            stream.completion_stream.chunk_parser = lambda chunk: parser(self._noted(chunk))
        async for raw in stream:
            for chunk in self._chunks_of(raw):
                self.began = True
                yield chunk

    def _noted(self, chunk: dict[str, Any]) -> dict[str, Any]:
        """The vendor's own JSON, passed on as it is."""
        candidates = chunk.get("candidates") or ()
        blocked = (chunk.get("promptFeedback") or {}).get("blockReason")
        self._is_gemini = self._is_gemini or bool(candidates or blocked)
        if blocked or any(candidate.get("finishReason") for candidate in candidates):
            self._gemini_ended = True
        return chunk

    def _chunks_of(self, raw: Any) -> Iterator[Chunk]:
        """`raw` without what is empty or made up, behind the usage that came before it."""
        chunk: Chunk = raw.model_dump(exclude_none=True)
        chunk.pop("usage", None)
        choices = [self._choice(choice) for choice in chunk.pop("choices", ())]
        choices = [c for c in choices if c["finish_reason"] or _has_content(c["delta"])]
        usage = self._new_usage()
        if usage and not self._usage_covers_text:
            yield with_true_usage({**chunk, "choices": [], "usage": usage}, self._target)
        if choices:
            covering = {"usage": usage} if usage and self._usage_covers_text else {}
            yield with_true_usage({**chunk, "choices": choices, **covering}, self._target)

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        reason = choice.get("finish_reason") if self._has_ended else None
        return {**choice, "delta": choice.get("delta") or {}, "finish_reason": reason}

    @property
    def _has_ended(self) -> bool:
        if self._is_gemini:
            return self._gemini_ended
        stream = self._stream
        return bool(stream.received_finish_reason or stream.intermittent_finish_reason)

    def _new_usage(self) -> dict[str, Any] | None:
        """The latest usage that the vendor sent since the last time."""
        new = self._stream.chunks[self._usages_seen :]
        self._usages_seen += len(new)
        for stored in reversed(new):
            if getattr(stored, "usage", None):
                deltas = [choice.delta.model_dump(exclude_none=True) for choice in stored.choices]
                self._usage_covers_text = any(map(_has_content, deltas))
                return dict(stored.usage.model_dump(exclude_none=True))
        return None


def _has_content(delta: Mapping[str, Any]) -> bool:
    return any(value for name, value in delta.items() if name != "role")


def with_true_usage(answer: dict[str, Any], target: Target) -> dict[str, Any]:
    """`answer` without the counts that litellm makes up: zeros where nothing was sent, and
    Claude's reasoning, which Anthropic does not count apart."""
    usage = answer.get("usage")
    if usage is not None and not usage.get("prompt_tokens"):
        del answer["usage"]
    elif usage is not None and "claude" in target.model.lower():
        usage.get("completion_tokens_details", {}).pop("reasoning_tokens", None)
    return answer
