"""What one call to a vendor used, as a value that knows no vendor and no database.

One convention, whatever the vendor's own (they differ, and adding up the wrong way is how
gateways charge twice):

* ``input_tokens`` is everything that went in: it *includes* cached reads and cache writes.
* ``output_tokens`` is everything that came out: it *includes* reasoning.
* ``None`` means that the vendor did not say; ``0`` means that it said zero.

Sources: OpenAI's ``usage`` object (prompt_tokens includes cached_tokens; completion_tokens
includes reasoning_tokens), Anthropic's (input_tokens excludes both cache fields), Gemini's
``usageMetadata`` (thoughtsTokenCount comes on top of candidatesTokenCount).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one attempt; see the module's docstring for what includes what."""

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None

    @classmethod
    def from_openai(cls, usage: Mapping[str, Any]) -> Self:
        """Read OpenAI's ``usage`` object (also what every wire hands up)."""
        into = _mapping(usage.get("prompt_tokens_details"))
        out = _mapping(usage.get("completion_tokens_details"))
        return cls(
            input_tokens=_count(usage.get("prompt_tokens")),
            cached_input_tokens=_count(into.get("cached_tokens")),
            cache_write_tokens=_count(into.get("cache_creation_tokens")),
            output_tokens=_count(usage.get("completion_tokens")),
            reasoning_tokens=_count(out.get("reasoning_tokens")),
            input_audio_tokens=_count(into.get("audio_tokens")),
            output_audio_tokens=_count(out.get("audio_tokens")),
        )

    @property
    def is_known(self) -> bool:
        """Whether the vendor told both directions, so that nothing has to be estimated."""
        return self.input_tokens is not None and self.output_tokens is not None

    def as_dict(self) -> dict[str, int]:
        """The counts that are known, for JSON."""
        return {name: count for name, count in asdict(self).items() if count is not None}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int | None:
    """A token count, or None for anything that is not one (a vendor's null, text, a negative)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return int(value)
