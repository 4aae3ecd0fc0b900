"""``reasoning_effort`` as Claude's thinking, and which sampling goes with it."""

from __future__ import annotations

from typing import Any

from providers.wires.anthropic_translation.claude import Claude
from providers.wires.parameters import Params, choice_of, refused
from rini.translation import gettext as _

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_NEAREST = {"minimal": "low", "xhigh": "high"}
_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
"""Of the tokens that may come out, for models that think by a budget; as OpenRouter shares them:
https://openrouter.ai/docs/use-cases/reasoning-tokens."""
_LEAST_BUDGET = 1024
_SAMPLING = ("temperature", "top_p", "top_k")


def thinking_and_effort(
    params: Params, model: Claude, max_tokens: int, provider: str
) -> tuple[dict[str, Any], str | None]:
    """Anthropic's ``thinking`` (empty: as the model is used to) and its ``effort``.

    A ``thinking`` that the client gives itself, in Anthropic's words, stands.
    """
    effort = choice_of(params, "reasoning_effort", _EFFORTS, provider)
    own = params.get("thinking")
    if own is not None and not isinstance(own, dict):
        raise refused(provider, _("takes thinking as an object."), "thinking")
    if effort is None:
        return own or {}, None
    if effort == "none":
        return own or {"type": "disabled"}, None
    if model.thinks_adaptively:
        told = effort if effort in model.efforts else _NEAREST.get(effort, "high")
        return own or {"type": "adaptive", "display": "summarized"}, told
    return own or _budget(effort, max_tokens, provider), None


def sampling(params: Params, model: Claude, thinking: dict[str, Any]) -> dict[str, Any]:
    """What the client says of sampling, where the model samples as it is told: new models, and
    those that think, refuse it. 1 is the default of both formats."""
    if not model.samples or thinking.get("type") in ("enabled", "adaptive"):
        return {}
    given = {name: params[name] for name in _SAMPLING if name in params}
    return {name: value for name, value in given.items() if name == "top_k" or value != 1}


def _budget(effort: str, max_tokens: int, provider: str) -> dict[str, Any]:
    if max_tokens <= _LEAST_BUDGET:
        refusal = _("thinks only with more than %(least)s max_tokens.")
        raise refused(provider, refusal % {"least": _LEAST_BUDGET}, "reasoning_effort")
    budget = max(_LEAST_BUDGET, int(max_tokens * _SHARES[effort]))
    return {"type": "enabled", "budget_tokens": min(budget, max_tokens - 1)}
