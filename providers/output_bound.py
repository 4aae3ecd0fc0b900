"""The most tokens that can come out of a call: the other half of what a hold is placed for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from providers import demands, prompt_bound
from providers.types import ChatRequest, Target
from providers.vendors import vendor
from providers.wires.anthropic_translation.claude import claude

GEMINIS_LIMIT = 65_536
"""What Google's models write at the most, for those that nobody lists."""


def most_output(target: Target, params: Mapping[str, Any]) -> int | None:
    """None where nobody knows. `params` are checked (see `providers.demands`).

    Of several limits the largest holds: a vendor may know no other. The model's own is above all,
    and stands alone where the vendor knows none of those that the request names.
    """
    limits = demands.output_limits(params)
    is_heard = bool(limits.keys() & set(vendor(target.provider).output_limits))
    asked = max(limits.values()) if is_heard else None
    own = target.max_output_tokens or _usual_limit(target)
    known = [limit for limit in (asked, own) if limit is not None]
    if not known:
        return None
    return min(known) * demands.answers(params) + prompt_bound.prediction(params)


def with_a_limit(target: Target, request: ChatRequest) -> ChatRequest:
    """`request`, with a limit where nobody has set one or knows the model's own.

    Otherwise a hold would be a guess, and an answer could cost more than a budget has. What costs
    nothing may be as long as it likes.
    """
    if not target.is_billed or most_output(target, request.params) is not None:
        return request
    name = vendor(target.provider).output_limits[0]
    return replace(request, params={**request.params, name: settings.UNKNOWN_OUTPUT_TOKENS})


def _usual_limit(target: Target) -> int | None:
    """What a wire asks for, or its vendor allows, where nobody has said."""
    match target.wire:
        case "anthropic":
            return claude(target.model).usual_max_tokens
        case "gemini":
            return GEMINIS_LIMIT
    return None
