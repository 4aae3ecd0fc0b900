"""Gemini's ``usageMetadata`` as OpenAI's ``usage``."""

from __future__ import annotations

from typing import Any

from billing.usage import Usage

_GROWING = {"candidatesTokenCount": None, "totalTokenCount": None}


class UsageReader:
    """Reads the usage in each event of one answer, each of the answer so far.

    From event to event only two counts grow, mostly; then only these are read again.
    """

    def __init__(self) -> None:
        self._fixed: dict[str, Any] | None = None
        self._usage: dict[str, Any] = {}
        self._written = 0

    def read(self, told: object) -> dict[str, Any] | None:
        """Thinking counts as completion, and what tools put in as prompt. None: there is none."""
        if not isinstance(told, dict) or not told:
            return None
        fixed, written = told | _GROWING, told.get("candidatesTokenCount")
        if fixed != self._fixed or not isinstance(written, int):
            self._usage = usage_of(told)
            known = isinstance(written, int) and self._usage["completion_tokens"] is not None
            self._fixed, self._written = (fixed, written or 0) if known else (None, 0)
            return self._usage
        more = written - self._written
        usage = self._usage.copy()
        usage["completion_tokens"] += more
        usage["total_tokens"] += more
        return usage


def usage_of(told: dict[str, Any]) -> dict[str, Any]:
    usage = Usage.from_gemini(told)
    into = {
        "cached_tokens": usage.cached_input_tokens,
        "audio_tokens": usage.input_audio_tokens,
        "cached_audio_tokens": usage.cached_audio_tokens,
        "image_tokens": usage.input_image_tokens,
    }
    out = {
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_tokens": usage.output_audio_tokens,
        "image_tokens": usage.output_image_tokens,
    }
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": (usage.input_tokens or 0) + (usage.output_tokens or 0),
        "prompt_tokens_details": {name: n for name, n in into.items() if n is not None},
        "completion_tokens_details": {name: n for name, n in out.items() if n is not None},
    }
