"""How much a model is to think: ``reasoning_effort`` and ``thinking`` as Gemini's.

The numbers are those of Google's own endpoint for OpenAI's clients
(https://ai.google.dev/gemini-api/docs/openai): Gemini 2.5 has budgets in tokens, later ones levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.parameters import choice_of, count
from rini.translation import gettext as _

_BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
EFFORTS = ("none", *_BUDGETS)


def thinking_config(params: Mapping[str, Any], model: GeminiModel) -> dict[str, Any]:
    """``thinkingConfig``; empty where the request says nothing of thinking."""
    effort = choice_of(params, "reasoning_effort", EFFORTS, model.provider)
    thinking = params.get("thinking")
    if effort and thinking:
        raise model.refused(_("takes reasoning_effort or thinking, not both."), "thinking")
    if thinking:
        return _by_anthropics_words(thinking, model)
    if effort == "none":
        return _without(model, "reasoning_effort")
    if effort is None:
        return {}
    if not model.is_third:
        return {"thinkingBudget": _BUDGETS[effort], "includeThoughts": True}
    level = "low" if effort == "minimal" and model.is_pro else effort
    return {"thinkingLevel": level.upper(), "includeThoughts": True}


def _by_anthropics_words(thinking: Any, model: GeminiModel) -> dict[str, Any]:
    """``{"type": "enabled", "budget_tokens": 8000}``, which clients of several vendors send."""
    match thinking:
        case {"type": "disabled"}:
            return _without(model, "thinking")
        case {"type": "enabled" | "adaptive"}:
            budget = count(dict(thinking), "budget_tokens", model.provider)
            return {"includeThoughts": True} | ({"thinkingBudget": budget} if budget else {})
    raise model.refused(_("takes thinking as enabled, adaptive or disabled."), "thinking")


def _without(model: GeminiModel, param: str) -> dict[str, Any]:
    if model.generation < (2, 5):
        return {}
    if model.is_third or model.is_pro:
        least = "low" if model.is_pro else "minimal"
        raise model.refused(
            _(
                "cannot switch off the thinking of %(model)s: its least reasoning_effort is "
                "%(least)s."
            )
            % {"model": model.name, "least": least},
            param,
        )
    return {"thinkingBudget": 0}
