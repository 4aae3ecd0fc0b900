"""A chat request in OpenAI's format as the body of ``POST /v1/messages``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.types import ChatRequest, Target
from providers.wires.anthropic_translation.claude import claude
from providers.wires.anthropic_translation.messages import Conversation
from providers.wires.anthropic_translation.names import ToolNames
from providers.wires.anthropic_translation.output_schema import enforceable
from providers.wires.anthropic_translation.thinking import sampling, thinking_and_effort
from providers.wires.anthropic_translation.tools import tools_and_choice
from providers.wires.parameters import (
    Params,
    check_known,
    choice_of,
    meaningful,
    output_limit,
    refused,
    stop_sequences,
)
from providers.wires.schemas import check_bounds
from rini.translation import gettext as _

# fmt: off
KNOWN = frozenset(
    (
        "cache_control", "max_completion_tokens", "max_tokens", "metadata", "output_config",
        "parallel_tool_calls", "reasoning_effort", "response_format", "safety_identifier",
        "service_tier", "stop", "temperature", "thinking", "tool_choice", "tools", "top_k",
        "top_p", "user"
    )
)
# fmt: on
"""OpenAI's that have a meaning for Claude, and of Anthropic's own ``cache_control``,
``output_config``, ``thinking``, ``top_k`` and ``metadata.user_id``."""
_TIERS = {"auto": None, "default": "standard_only", "standard_only": "standard_only"}
"""None: Anthropic's own default, which takes capacity that was paid for and else the standard."""


def body(target: Target, request: ChatRequest) -> tuple[dict[str, Any], ToolNames]:
    """The request, and the names of its tools for the answer. Raises ProviderRefused for what
    cannot be told to Claude, so that nothing is dropped in silence."""
    provider = target.provider
    params = meaningful(request.params, keep={"metadata"})
    check_known(params, KNOWN, provider)
    model = claude(target.model)
    names = ToolNames()
    max_tokens = (
        output_limit(params, provider) or target.max_output_tokens or model.usual_max_tokens
    )
    told: dict[str, Any] = {"model": target.model, "max_tokens": max_tokens}
    told |= tools_and_choice(params, names, provider)
    told |= _conversation(request, names, model.hears_system_midway, provider)
    thinking, effort = thinking_and_effort(params, model, max_tokens, provider)
    told |= {"thinking": thinking} if thinking else {}
    told |= sampling(params, model, thinking)
    told |= _output_config(params, effort, provider)
    told |= _labels(params, provider)
    if stops := stop_sequences(params, provider):
        told["stop_sequences"] = stops
    return told, names


def _conversation(
    request: ChatRequest, names: ToolNames, hears_system_midway: bool, provider: str
) -> dict[str, Any]:
    conversation = Conversation(names, hears_system_midway=hears_system_midway, provider=provider)
    conversation.read(request.messages)
    system = {"system": conversation.system} if conversation.system else {}
    return {**system, "messages": conversation.turns}


def _output_config(params: Params, effort: str | None, provider: str) -> dict[str, Any]:
    own = params.get("output_config", {})
    if not isinstance(own, Mapping):
        raise refused(provider, _("takes output_config as an object."), "output_config")
    check_bounds(own, "output_config", provider)
    config = {**({"effort": effort} if effort else {}), **own}
    if "response_format" in params:
        config["format"] = _format(params["response_format"], provider)
    return {"output_config": config} if config else {}


def _format(given: object, provider: str) -> dict[str, Any]:
    """Anthropic's structured output; it has no mode for JSON without a schema."""
    kind = given.get("type") if isinstance(given, Mapping) else given
    if not isinstance(given, Mapping) or kind != "json_schema":
        refusal = _("takes no response_format %(type)s: give it a json_schema.")
        raise refused(provider, refusal % {"type": kind}, "response_format")
    check_bounds(given, "response_format", provider)
    described = given.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return {"type": "json_schema", "schema": enforceable(schema, "response_format", provider)}


def _labels(params: Params, provider: str) -> dict[str, Any]:
    """Whom the call is for, how it is served and what is cached."""
    labels: dict[str, Any] = {}
    metadata = params.get("metadata")
    own = metadata.get("user_id") if isinstance(metadata, Mapping) else None
    if user := own or params.get("user") or params.get("safety_identifier"):
        labels["metadata"] = {"user_id": user}
    tier = choice_of(params, "service_tier", _TIERS, provider)
    if tier is not None and _TIERS[tier]:
        labels["service_tier"] = _TIERS[tier]
    if "cache_control" in params:
        labels["cache_control"] = params["cache_control"]
    return labels
