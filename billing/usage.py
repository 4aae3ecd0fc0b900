"""What one call to a vendor used, as a value that knows no vendor and no database.

One convention, whatever the vendor's own (they differ, and adding up the wrong way is how
gateways charge twice):

* ``input_tokens`` is everything that went in: it *includes* cached reads, cache writes, images,
  audio and what tools put in.
* ``output_tokens`` is everything that came out: it *includes* reasoning, images and audio.
* A count that is part of another one is never larger than it in a sane answer; an insane one makes
  no call cheaper than free (see `billing.pricing`).
* ``None`` means that the vendor did not say; ``0`` means that it said zero.

Each reader below names the published format that it reads and how that one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of one attempt, in tokens but for `web_searches`; the module says what includes what.

    `cache_write_tokens` are of both lifetimes; `cache_write_1h_tokens` of them live an hour.
    """

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cached_audio_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None

    @classmethod
    def from_openai(cls, usage: Mapping[str, Any]) -> Self:
        """Read ``usage`` of OpenAI's chat completions and embeddings, and of all who speak alike.

        ``prompt_tokens`` includes its details, ``completion_tokens`` its reasoning, but for xAI,
        which adds it in ``total_tokens`` only (https://docs.x.ai/docs/guides/reasoning).
        Zhipu writes the same as OpenAI. DeepSeek tells cached reads as
        ``prompt_cache_hit_tokens`` beside ``prompt_cache_miss_tokens``, Moonshot and some others as
        ``cached_tokens``. litellm adds to it what Anthropic told: ``cache_creation_tokens`` with
        its lifetimes, ``server_tool_use``.
        Rini adds to it what Gemini told: ``cached_audio_tokens`` among the cached.
        """
        into = _mapping(usage.get("prompt_tokens_details"))
        out = _mapping(usage.get("completion_tokens_details"))
        lifetimes = _mapping(into.get("cache_creation_token_details"))
        return cls(
            input_tokens=_count(usage.get("prompt_tokens")),
            cached_input_tokens=_first(
                into.get("cached_tokens"),
                usage.get("prompt_cache_hit_tokens"),
                usage.get("cached_tokens"),
            ),
            cache_write_tokens=_first(
                into.get("cache_creation_tokens"), into.get("cache_write_tokens")
            ),
            cache_write_1h_tokens=_count(lifetimes.get("ephemeral_1h_input_tokens")),
            input_audio_tokens=_count(into.get("audio_tokens")),
            cached_audio_tokens=_count(into.get("cached_audio_tokens")),
            input_image_tokens=_count(into.get("image_tokens")),
            output_tokens=_with_reasoning(usage),
            reasoning_tokens=_count(out.get("reasoning_tokens")),
            output_audio_tokens=_count(out.get("audio_tokens")),
            output_image_tokens=_count(out.get("image_tokens")),
            web_searches=_count(_mapping(usage.get("server_tool_use")).get("web_search_requests")),
        )

    @classmethod
    def from_responses(cls, usage: Mapping[str, Any]) -> Self:
        """Read ``usage`` of OpenAI's Responses and Images APIs; parts are included in the sums."""
        into = _mapping(usage.get("input_tokens_details"))
        out = _mapping(usage.get("output_tokens_details"))
        return cls(
            input_tokens=_count(usage.get("input_tokens")),
            cached_input_tokens=_count(into.get("cached_tokens")),
            cache_write_tokens=_count(into.get("cache_write_tokens")),
            input_audio_tokens=_count(into.get("audio_tokens")),
            input_image_tokens=_count(into.get("image_tokens")),
            output_tokens=_count(usage.get("output_tokens")),
            reasoning_tokens=_count(out.get("reasoning_tokens")),
            output_audio_tokens=_count(out.get("audio_tokens")),
            output_image_tokens=_count(out.get("image_tokens")),
        )

    @classmethod
    def from_anthropic(cls, usage: Mapping[str, Any]) -> Self:
        """Read ``usage`` of Anthropic's Messages.

        ``input_tokens`` is without both cache fields, which come on top. ``cache_creation`` splits
        ``cache_creation_input_tokens`` by lifetime. ``output_tokens`` includes thinking;
        ``output_tokens_details`` tells how much of it that was.
        """
        lifetimes = _mapping(usage.get("cache_creation"))
        plain = _count(usage.get("input_tokens"))
        cached = _count(usage.get("cache_read_input_tokens"))
        an_hour = _count(lifetimes.get("ephemeral_1h_input_tokens"))
        written = _count(usage.get("cache_creation_input_tokens"))
        if written is None:
            written = _sum(an_hour, _count(lifetimes.get("ephemeral_5m_input_tokens")))
        return cls(
            input_tokens=None if plain is None else plain + (cached or 0) + (written or 0),
            cached_input_tokens=cached,
            cache_write_tokens=written,
            cache_write_1h_tokens=an_hour,
            output_tokens=_count(usage.get("output_tokens")),
            reasoning_tokens=_count(
                _mapping(usage.get("output_tokens_details")).get("thinking_tokens")
            ),
            web_searches=_count(_mapping(usage.get("server_tool_use")).get("web_search_requests")),
        )

    @classmethod
    def from_gemini(cls, usage: Mapping[str, Any]) -> Self:
        """Read Gemini's ``usageMetadata``.

        ``promptTokenCount`` includes ``cachedContentTokenCount``; ``toolUsePromptTokenCount``
        comes on top of it, and ``thoughtsTokenCount`` on top of ``candidatesTokenCount``. A zero
        is left out of the JSON (protobuf): with a ``totalTokenCount``, a missing sum is 0.
        """
        told = "totalTokenCount" in usage
        prompt, answer = (
            _count(usage.get("promptTokenCount")),
            _count(usage.get("candidatesTokenCount")),
        )
        thoughts = _count(usage.get("thoughtsTokenCount"))
        into = _sum(prompt, _count(usage.get("toolUsePromptTokenCount")))
        out = _sum(answer, thoughts)
        given, cached = usage.get("promptTokensDetails"), usage.get("cacheTokensDetails")
        came = usage.get("candidatesTokensDetails")
        return cls(
            input_tokens=0 if told and into is None else into,
            cached_input_tokens=_count(usage.get("cachedContentTokenCount")),
            input_audio_tokens=_modality(given, "AUDIO"),
            cached_audio_tokens=_modality(cached, "AUDIO"),
            input_image_tokens=_modality(given, "IMAGE"),
            output_tokens=0 if told and out is None else out,
            reasoning_tokens=thoughts,
            output_audio_tokens=_modality(came, "AUDIO"),
            output_image_tokens=_modality(came, "IMAGE"),
        )

    @property
    def is_known(self) -> bool:
        """Whether the vendor told both directions, so that nothing has to be estimated."""
        return self.input_tokens is not None and self.output_tokens is not None

    def as_dict(self) -> dict[str, int]:
        """The counts that are known, for JSON."""
        return {name: count for name, count in asdict(self).items() if count is not None}


def _with_reasoning(usage: Mapping[str, Any]) -> int | None:
    """``completion_tokens``, and the reasoning where it is not among them: where the total says so,
    or it is more than what it would be part of."""
    answer = _count(usage.get("completion_tokens"))
    details = _mapping(usage.get("completion_tokens_details"))
    reasoning = _count(details.get("reasoning_tokens")) or 0
    if answer is None or not reasoning:
        return answer
    prompt, total = _count(usage.get("prompt_tokens")) or 0, _count(usage.get("total_tokens"))
    comes_on_top = reasoning > answer or total == prompt + answer + reasoning
    return answer + reasoning if comes_on_top else answer


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int | None:
    """A count, or None for anything that is not one (a vendor's null, text, a negative)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31:
        return None
    return int(value)


def _first(*values: object) -> int | None:
    """The first of several places where a vendor may tell the same count."""
    return next((count for count in map(_count, values) if count is not None), None)


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _modality(details: object, modality: str) -> int | None:
    """Of Gemini's ``[{"modality": "TEXT", "tokenCount": 5}, …]`` the count of one modality."""
    entries = details if isinstance(details, Iterable) and not isinstance(details, str) else ()
    found = (e for e in entries if isinstance(e, Mapping) and e.get("modality") == modality)
    return _sum(*(_count(entry.get("tokenCount")) for entry in found))
