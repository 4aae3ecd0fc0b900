"""What a chat request may demand of a vendor: checked before any wire, whatever the dialect.

A hold is placed for what a request says of itself. So its numbers have to be numbers, and it may
ask for nothing that its price does not cover: another model than the one that was named, a vendor's
own tools, which cost by the call, or to be served faster or elsewhere for more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from billing.pricing import STANDARD_TIERS
from providers.naming import invalid
from providers.types import Target
from rini.translation import gettext as _

Params = Mapping[str, Any]

# fmt: off
OUTPUT_LIMITS = (
    "max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_gen_len",
    "max_gen_toks", "max_tokens_to_sample", "max_length", "maxTokens", "maxOutputTokens",
    "num_predict", "n_predict",
)
"""What vendors and servers call the most tokens of one answer. OpenAI's two come first."""
ANSWERS = (
    "n", "best_of", "num_return_sequences", "num_completions", "num_generations",
    "candidate_count", "candidateCount",
)
"""What they call the number of answers to one question."""
_OTHER_MODELS = frozenset((
    "models", "model_list", "route", "provider", "plugins", "transforms", "preset", "fallbacks",
    "fallback_models", "context_window_fallback_dict", "extra_body", "compound_custom",
))
"""Routing of OpenRouter's, of Groq's compound systems and of gateways that stand as a vendor."""
_PAID_TOOLS = frozenset((
    "web_search", "web_search_options", "search_parameters", "search_options", "search_settings",
    "enable_search", "web_search_preview", "googleSearch", "google_search", "code_execution",
    "code_interpreter", "server_tools", "mcp_servers", "container",
))
"""Searches and the like that vendors charge by the call, or that read whole pages into a prompt."""
# fmt: on
_AT_THE_USUAL_PRICE: Mapping[str, tuple[object, ...]] = {
    "speed": ("standard",),
    "inference_geo": ("global", "not_available"),
    "compaction": (),
}
"""What Anthropic charges a multiple for, or a further reading of the prompt, but for these."""
_COMPACTION = "compact_"
_CHEAPER_TIERS = ("flex", "batch")
_FUNCTIONS = ("function", "custom")
_THE_CALLERS_OWN = re.compile(r"(bash|text_editor|computer|memory|tool_search_tool_\w+)_\d{8}")
"""Anthropic's tools that it only describes and the caller runs, and the free search among tools."""
MOST = 2**31 - 1
_SEARCHES = re.compile(r":online\b|search-(?:preview|api)|deep-research", re.IGNORECASE)
_VENDORS_SEARCH = {
    "groq": re.compile(r"\bcompound\b", re.IGNORECASE),
    "openrouter": re.compile(r"^perplexity/|\bsonar\b", re.IGNORECASE),
    "perplexity": re.compile(r"\bsonar\b", re.IGNORECASE),
}


def check(params: Params) -> None:
    """Raise `InvalidInput`, by its name, for an invalid number and for what no hold covers."""
    for name in (*OUTPUT_LIMITS, *ANSWERS):
        _check_number(name, params.get(name))
    _check_number("top_logprobs", params.get("top_logprobs"), least=0)
    if named := sorted(_OTHER_MODELS & params.keys()):
        raise _refused(named[0], _("names other models or providers. Name one in “model”."))
    if named := sorted(_PAID_TOOLS & params.keys()):
        raise _refused(named[0], _("is a paid tool of the vendor's own, which no budget covers."))
    for name, usual in _AT_THE_USUAL_PRICE.items():
        if params.get(name) is not None and params[name] not in usual:
            raise _refused(name, _("has a price of its own, which no budget covers."))
    _check_context_management(params.get("context_management"))
    tools = params.get("tools")
    for i, tool in enumerate(tools if isinstance(tools, list) else ()):
        _check_tool(f"tools[{i}]", tool)


def check_target(target: Target, params: Params) -> None:
    """Raise `InvalidInput` for a model that buys a search with every call (OpenRouter's
    ``:online``, Perplexity's, Groq's compound systems), and for a service tier whose price nobody
    knows."""
    own = _VENDORS_SEARCH.get(target.provider)
    searches = _SEARCHES.search(target.model) or (own and own.search(target.model))
    if searches:
        told = _("has searches in it (%(name)s), a paid tool, which no budget covers.")
        raise _refused("model", told % {"name": searches[0]})
    tier = params.get("service_tier")
    if not target.is_billed or not isinstance(tier, str):
        return
    if tier not in {*STANDARD_TIERS, *_CHEAPER_TIERS, *target.priced_tiers}:
        raise _refused("service_tier", _("has a price of its own, which no budget covers."))


def output_limits(params: Params) -> dict[str, int]:
    """The limits of one answer that a checked request has, by their names."""
    return {name: params[name] for name in OUTPUT_LIMITS if params.get(name) is not None}


def answers(params: Params) -> int:
    """How many answers a checked request asks for, at the most."""
    return max((params[name] for name in ANSWERS if params.get(name) is not None), default=1)


def _check_number(name: str, value: object, least: int = 1) -> None:
    if value is None or (type(value) is int and least <= value <= MOST):
        return
    raise _refused(
        name, _("takes a whole number from %(least)s to %(most)s.") % {"least": least, "most": MOST}
    )


def _check_context_management(value: object) -> None:
    edits = value.get("edits") if isinstance(value, Mapping) else None
    for edit in edits if isinstance(edits, list) else ():
        if isinstance(edit, Mapping) and str(edit.get("type")).startswith(_COMPACTION):
            told = _("has the model read the prompt once more, which no budget covers.")
            raise _refused("context_management", told)


def _check_tool(where: str, tool: object) -> None:
    """A tool that is not a function is a vendor's own; the wires refuse what is not a tool."""
    if not isinstance(tool, Mapping) or not tool:
        return
    is_function = "function" in tool or "input_schema" in tool
    kind = tool.get("type", "function" if is_function else next(iter(tool)))
    if kind not in _FUNCTIONS and not _THE_CALLERS_OWN.fullmatch(str(kind)):
        refusal = _("is %(type)s, not a function: no budget covers vendors' tools.")
        raise _refused(where, refusal % {"type": str(kind)[:40]})


def _refused(name: str, what: str) -> Exception:
    return invalid(
        name, "invalid_input", _("%(name)s %(refusal)s") % {"name": name, "refusal": what}
    )
