"""A request as its model takes it, where models differ in what they refuse.

OpenAI's reasoning models have ``max_completion_tokens`` in the place of ``max_tokens``, and no
temperature but their own (https://platform.openai.com/docs/guides/reasoning). Other vendors' wires
know their own models.
"""

from __future__ import annotations

import re
from dataclasses import replace

from providers import demands
from providers.types import ChatRequest, Target
from providers.vendors import vendor

_OPENAI = frozenset(("openai", "azure"))
_REASONING = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9](?!.*-chat))")
_SAMPLING = ("temperature", "top_p")


def fitted(target: Target, request: ChatRequest) -> ChatRequest:
    """`request` with what is usual where it says nothing, and its limit by the model's own name."""
    usual = {name: value for name, value in request.usual.items() if value is not None}
    if demands.output_limits(request.params):
        usual.pop("max_tokens", None)
    is_reasoning = target.provider in _OPENAI and _REASONING.search(target.model.lower())
    if is_reasoning:
        usual = {name: value for name, value in usual.items() if name not in _SAMPLING}
    params = {**usual, **request.params}
    if is_reasoning and "max_tokens" in params and "max_completion_tokens" not in params:
        params["max_completion_tokens"] = params.pop("max_tokens")
    return replace(request, params=params, usual={})


def with_limit_of(target: Target, request: ChatRequest) -> ChatRequest:
    """`request`, which was made for another model, with its limit by the name that this vendor
    knows: another would limit nothing there."""
    limits = demands.output_limits(request.params)
    known = vendor(target.provider).output_limits
    if not limits or limits.keys() & set(known):
        return request
    params = {name: value for name, value in request.params.items() if name not in limits}
    return replace(request, params={**params, known[0]: max(limits.values())})
