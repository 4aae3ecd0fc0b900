"""Anthropic's ``usage`` as OpenAI's, in the fields that `billing.usage` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LIFETIMES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_AS_IT_IS = ("server_tool_use", "service_tier", "inference_geo")


def openai_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What went in is the sum of what was read anew, from the cache and into it; what Anthropic
    did not tell is not told."""
    fresh, out = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    read, written = (
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "cache_creation_input_tokens"),
    )
    lifetimes = usage.get("cache_creation")
    if written is None and isinstance(lifetimes, Mapping):
        counts = [_count(lifetimes, name) for name in _LIFETIMES]
        known_counts = [count for count in counts if count is not None]
        written = sum(known_counts) if known_counts else None
    told: dict[str, Any] = {}
    if fresh is not None:
        told["prompt_tokens"] = fresh + (read or 0) + (written or 0)
    if out is not None:
        told["completion_tokens"] = out
    if fresh is not None and out is not None:
        told["total_tokens"] = told["prompt_tokens"] + out
    details = {
        "cached_tokens": read,
        "cache_creation_tokens": written,
        "cache_creation_token_details": lifetimes if isinstance(lifetimes, Mapping) else None,
    }
    known = {name: value for name, value in details.items() if value is not None}
    told |= {"prompt_tokens_details": known} if known else {}
    of_output = usage.get("output_tokens_details")
    thought = _count(of_output, "thinking_tokens") if isinstance(of_output, Mapping) else None
    if thought is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": thought}
    return told | {name: usage[name] for name in _AS_IT_IS if _is_plain(usage.get(name))}


def _is_plain(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, str) and value.isascii())


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
