"""A chat completion to ask for, as the body of Gemini's ``generateContent``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.types import ChatRequest
from providers.wires.gemini_translation.json_schema import with_constants
from providers.wires.gemini_translation.messages import Conversation
from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.gemini_translation.thinking import thinking_config
from providers.wires.gemini_translation.tools import tool_fields
from providers.wires.parameters import (
    check_known,
    choice_of,
    count,
    meaningful,
    output_limit,
    stop_sequences,
)
from providers.wires.schemas import check_bounds
from rini.translation import gettext as _

Params = Mapping[str, Any]

_AS_THEY_ARE = {
    "frequency_penalty": "frequencyPenalty",
    "media_resolution": "mediaResolution",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "temperature": "temperature",
    "top_k": "topK",
    "top_p": "topP",
}
_BESIDE = {"cached_content": "cachedContent", "safety_settings": "safetySettings"}
_USUAL_TIERS = ("auto", "default", "standard")
_PAID_TIERS = ("flex", "priority")
MAX_CHOICES = 8
# fmt: off
KNOWN = frozenset((
    *_AS_THEY_ARE, *_BESIDE,
    "function_call", "functions", "logprobs", "max_completion_tokens", "max_tokens", "n",
    "parallel_tool_calls", "reasoning_effort", "response_format", "safety_identifier",
    "service_tier", "stop", "thinking", "tool_choice", "tools", "top_logprobs", "user",
))
# fmt: on
"""Every parameter that has a meaning here; ``user`` and ``safety_identifier`` tell OpenAI who asks,
and no answer depends on them."""


def request_body(request: ChatRequest, model: GeminiModel) -> dict[str, Any]:
    """The body. Raises ProviderRefused for what Gemini has no word for, by its name."""
    params = meaningful(request.params)
    check_known(params, KNOWN, model.provider)
    said = Conversation(request.messages, model)
    body: dict[str, Any] = {"contents": said.contents}
    if said.system:
        body["systemInstruction"] = {"parts": said.system}
    body |= tool_fields(params, model)
    body |= {theirs: params[name] for name, theirs in _BESIDE.items() if name in params}
    if tier := service_tier(params, model):
        body["serviceTier"] = tier
    if config := _generation_config(params, model):
        body["generationConfig"] = config
    return body


def service_tier(params: Params, model: GeminiModel) -> str | None:
    """The paid tier that was asked for; None: the usual one."""
    tier = choice_of(params, "service_tier", (*_USUAL_TIERS, *_PAID_TIERS), model.provider)
    return tier if tier in _PAID_TIERS else None


def number_of_choices(params: Params, model: GeminiModel) -> int:
    choices = count(params, "n", model.provider) or 1
    if choices > MAX_CHOICES:
        raise model.refused(
            _("gives at most %(most)s answers at once.") % {"most": MAX_CHOICES}, "n"
        )
    return choices


def _generation_config(params: Params, model: GeminiModel) -> dict[str, Any]:
    config = {theirs: params[name] for name, theirs in _AS_THEY_ARE.items() if name in params}
    if (limit := output_limit(params, model.provider)) is not None:
        config["maxOutputTokens"] = limit
    if stops := stop_sequences(params, model.provider):
        config["stopSequences"] = stops
    if (choices := number_of_choices(params, model)) > 1:
        config["candidateCount"] = choices
    if thinking := thinking_config(params, model):
        config["thinkingConfig"] = thinking
    return config | _logprobs(params, model) | _response_format(params, model)


def _logprobs(params: Params, model: GeminiModel) -> dict[str, Any]:
    top = count(params, "top_logprobs", model.provider)
    if params.get("logprobs") is True:
        return {"responseLogprobs": True} | ({"logprobs": top} if top else {})
    if params.get("logprobs") is not None:
        raise model.refused(_("takes logprobs as true or false."), "logprobs")
    if top:
        raise model.refused(_("takes top_logprobs with logprobs: true only."), "top_logprobs")
    return {}


def _response_format(params: Params, model: GeminiModel) -> dict[str, Any]:
    given = params.get("response_format")
    if given is None:
        return {}
    check_bounds(given, "response_format", model.provider)
    match given:
        case {"type": "json_object"}:
            return {"responseMimeType": "application/json"}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return {
                "responseMimeType": "application/json",
                "responseJsonSchema": with_constants(schema),
            }
    raise model.refused(
        _("takes response_format as text, json_object or json_schema with its schema."),
        "response_format",
    )
