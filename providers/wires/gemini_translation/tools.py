"""Tools of OpenAI's format as Gemini's function declarations, and which of them may be called.

See https://ai.google.dev/gemini-api/docs/function-calling. Google's own tools (search, running
code, maps) cost by the call and are no functions of the caller's: they are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.wires.gemini_translation.json_schema import with_constants
from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.schemas import check_bounds
from rini.translation import gettext as _

Params = Mapping[str, Any]


def tool_fields(params: Params, model: GeminiModel) -> dict[str, Any]:
    """``tools`` and ``toolConfig`` of the request, as far as it has tools."""
    functions = [*_functions(params, model), *_old_functions(params, model)]
    names = [function["name"] for function in functions]
    config = _calling_config(params, names, model)
    if not functions:
        return {}
    if params.get("parallel_tool_calls") is False:
        raise model.refused(
            _(
                "cannot be held to one call at a time: it takes no parallel_tool_calls (other "
                "than true)."
            ),
            "parallel_tool_calls",
        )
    fields: dict[str, Any] = {"tools": [{"functionDeclarations": functions}]}
    return fields | ({"toolConfig": {"functionCallingConfig": config}} if config else {})


def _functions(params: Params, model: GeminiModel) -> list[dict[str, Any]]:
    tools = params.get("tools") or []
    check_bounds(tools, "tools", model.provider)
    if not isinstance(tools, list):
        raise model.refused(_("takes tools as a list."), "tools")
    return [_of_tool(tool, f"tools[{i}]", model) for i, tool in enumerate(tools)]


def _of_tool(tool: object, where: str, model: GeminiModel) -> dict[str, Any]:
    told: Mapping[str, Any] = tool if isinstance(tool, Mapping) else {}
    kind, function = told.get("type", "function"), told.get("function")
    if kind == "function" and isinstance(function, Mapping):
        return _declared(function, where, model)
    name = str(told.get("type") or next(iter(told), "none"))
    raise model.refused(
        _("takes tools of type function only, not %(type)s.") % {"type": name[:40]}, where
    )


def _old_functions(params: Params, model: GeminiModel) -> list[dict[str, Any]]:
    functions = params.get("functions") or []
    check_bounds(functions, "functions", model.provider)
    if not isinstance(functions, list) or not all(isinstance(f, Mapping) for f in functions):
        raise model.refused(_("takes functions as a list of objects."), "functions")
    return [_declared(f, f"functions[{i}]", model) for i, f in enumerate(functions)]


def _declared(function: Mapping[str, Any], where: str, model: GeminiModel) -> dict[str, Any]:
    name, schema = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not name:
        raise model.refused(_("takes functions with a name only."), f"{where}.function.name")
    declared: dict[str, Any] = {"name": name}
    if description := function.get("description"):
        declared["description"] = description
    if schema:
        if not isinstance(schema, Mapping):
            raise model.refused(_("takes parameters as a JSON schema."), f"{where}.parameters")
        declared["parametersJsonSchema"] = with_constants(schema)
    return declared


def _calling_config(
    params: Params, names: Sequence[str], model: GeminiModel
) -> dict[str, Any] | None:
    choice = params.get("tool_choice", params.get("function_call"))
    mode, allowed = _mode(choice, model)
    if unknown := [name for name in allowed if name not in names]:
        raise model.refused(
            _("was given no tool named %(name)s.") % {"name": unknown[0]}, "tool_choice"
        )
    if mode == "ANY" and not names:
        raise model.refused(_("was given no tools to call."), "tool_choice")
    if mode == "AUTO" and (allowed or _any_strict(params)):
        mode = "VALIDATED"  # as AUTO, and calls are what the schemas say
    if mode == "AUTO":
        return None
    return {"mode": mode} | ({"allowedFunctionNames": allowed} if allowed else {})


def _mode(choice: object, model: GeminiModel) -> tuple[str, list[str]]:
    """Gemini's mode, and the names of the tools that may be called; none: every one."""
    match choice:
        case None | "auto":
            return "AUTO", []
        case "none":
            return "NONE", []
        case "required" | "any":
            return "ANY", []
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [*tools]}}:
            names = [_named(tool) for tool in tools]
            if names and None not in names and mode in ("auto", "required"):
                return ("ANY" if mode == "required" else "AUTO"), [n for n in names if n]
        case _ if name := _named(choice):
            return "ANY", [name]
    raise model.refused(
        _("takes tool_choice as none, auto, required, a function or allowed_tools."), "tool_choice"
    )


def _named(choice: object) -> str | None:
    """The name of the one function that was chosen; the second shape is of ``function_call``."""
    match choice:
        case {"type": "function", "function": {"name": str(name)}} | {"name": str(name)}:
            return name
    return None


def _any_strict(params: Params) -> bool:
    """Whether arguments have to be as the schema of their tool says (``strict``)."""
    functions = (tool.get("function") or {} for tool in params.get("tools") or ())
    return any(function.get("strict") is True for function in functions)
