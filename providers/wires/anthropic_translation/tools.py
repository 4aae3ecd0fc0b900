"""OpenAI's function tools and ``tool_choice`` as Anthropic's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.wires.anthropic_translation.names import ToolNames
from providers.wires.anthropic_translation.output_schema import enforceable
from providers.wires.parameters import Params, refused
from providers.wires.schemas import check_bounds, object_schema
from rini.translation import gettext as _

Tool = dict[str, Any]
_MODES = {"auto": "auto", "required": "any", "none": "none"}


def tools_and_choice(params: Params, names: ToolNames, provider: str) -> dict[str, Any]:
    """The request's fields about tools. Raises ProviderRefused."""
    given = params.get("tools") or []
    if not isinstance(given, list):
        raise refused(provider, _("takes tools as a list."), "tools")
    check_bounds(given, "tools", provider)
    tools = dict(_tool(one, names, provider) for one in given)
    if len(tools) < len(given):
        raise refused(provider, _("takes no two tools of one name."), "tools")
    choice = params.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        allowed = _mapping(choice.get("allowed_tools"))
        chosen = [_name(one, "tool_choice", provider) for one in _list(allowed.get("tools"))]
        _check_declared(chosen, tools, provider)
        tools, choice = {name: tools[name] for name in tools if name in chosen}, allowed.get("mode")
    how = _choice(choice, tools, names, provider)
    if not tools:
        return {}
    if params.get("parallel_tool_calls") is False and how.get("type") != "none":
        how = {"type": "auto", **how, "disable_parallel_tool_use": True}
    return {"tools": list(tools.values()), **({"tool_choice": how} if how else {})}


def _tool(given: object, names: ToolNames, provider: str) -> tuple[str, Tool]:
    tool = _mapping(given)
    name = _name(tool, "tools", provider)
    function = tool["function"]
    strict = function.get("strict")
    schema = object_schema(function.get("parameters"), "tools", provider)
    made: Tool = {
        "name": names.sent(name),
        "input_schema": enforceable(schema, "tools", provider) if strict else schema,
    }
    if function.get("description"):
        made["description"] = function["description"]
    if strict:
        made["strict"] = True
    if mark := tool.get("cache_control") or function.get("cache_control"):
        made["cache_control"] = mark
    return name, made


def _choice(
    choice: object, tools: Mapping[str, Tool], names: ToolNames, provider: str
) -> dict[str, Any]:
    if choice is None:
        return {}
    if isinstance(choice, str) and choice in _MODES:
        if choice == "required" and not tools:
            raise refused(provider, _("takes a tool_choice only with tools."), "tool_choice")
        return {"type": _MODES[choice]}
    name = _name(_mapping(choice), "tool_choice", provider)
    _check_declared([name], tools, provider)
    return {"type": "tool", "name": names.sent(name)}


def _name(given: Mapping[str, Any], param: str, provider: str) -> str:
    """The name of the function in a tool or a choice."""
    function = _mapping(given.get("function"))
    kind = given.get("type", "function")
    if kind != "function":
        raise refused(
            provider,
            _("takes functions only in %(param)s, not %(kind)s.") % {"param": param, "kind": kind},
            param,
        )
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise refused(
            provider, _("takes no function without a name in %(param)s.") % {"param": param}, param
        )
    return name


def _check_declared(names: Sequence[str], tools: Mapping[str, Tool], provider: str) -> None:
    missing = [name for name in names if name not in tools]
    if missing:
        refusal = _("cannot choose %(name)s, which is not among the tools.")
        raise refused(provider, refusal % {"name": missing[0]}, "tool_choice")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [_mapping(one) for one in value] if isinstance(value, list) else []
