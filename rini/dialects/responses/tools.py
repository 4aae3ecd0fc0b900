"""The tools of a request, as the chat format has them. Pure.

A custom tool, whose input is any text, becomes a function with one text, and a tool of a namespace
one with a longer name: so models of every vendor can call them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from rini.dialects.responses import file_search
from rini.dialects.responses.wrong import invalid, one_of, text, text_or_none
from rini.translation import gettext as _

Json = dict[str, Any]
INPUT = "input"
_MODES = ("auto", "none", "required")
_LONGEST_NAME = 64
"""Of a function, with every vendor."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the client calls a tool, and whether its input is any text."""

    name: str
    namespace: str | None = None
    is_custom: bool = False


def check(tools: object, choice: object) -> None:
    """Raise `InvalidInput` for tools that are not served, and for a choice among none of them."""
    if not isinstance(tools, list):
        raise invalid("tools", _("Give a list of tools."))
    for i, tool in enumerate(tools):
        _check_tool(tool, f"tools[{i}]", ("function", "custom", "namespace", file_search.TOOL))
    if sum(tool["type"] == file_search.TOOL for tool in tools) > 1:
        raise invalid("tools", _("Give `file_search` once, with all vector stores."))
    seen: set[str] = set()
    for name, _tool in _every(tools):
        if name in seen:
            raise invalid("tools", _("Several tools are called %(name)s.") % {"name": name})
        seen.add(name)
    if isinstance(choice, str):
        one_of(choice, "tool_choice", _MODES)
    elif not isinstance(choice, Mapping):
        raise invalid("tool_choice", _("Give a text or an object."))
    else:
        _check_choice(choice)


def _check_choice(choice: Mapping[str, Any]) -> None:
    kind = choice.get("type")
    if kind == "allowed_tools":
        one_of(choice.get("mode", "auto"), "tool_choice.mode", ("auto", "required"))
        named = choice.get("tools")
        if not isinstance(named, list):
            raise invalid("tool_choice.tools", _("Give a list of tools."))
        for i, tool in enumerate(named):
            _check_named(tool, f"tool_choice.tools[{i}]")
    else:
        _check_named(choice, "tool_choice")


def _check_named(tool: object, where: str) -> None:
    """Of a tool that is named among others: its kind, its name, and its namespace if it has one."""
    if isinstance(tool, Mapping) and tool.get("type") == file_search.TOOL:
        return
    _check_tool(tool, where, ("function", "custom"))
    if isinstance(tool, Mapping):
        text_or_none(tool.get("namespace"), f"{where}.namespace")


def _check_tool(tool: object, where: str, kinds: Sequence[str]) -> None:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    if not isinstance(tool, Mapping) or kind not in kinds:
        told = _("Tools of the type %(kind)s are not served here.") % {"kind": kind}
        raise invalid(f"{where}.type", told)
    if kind == file_search.TOOL:
        file_search.check(tool, where)
        return
    text(tool.get("name"), f"{where}.name")
    if kind == "namespace":
        inner = tool.get("tools")
        if not isinstance(inner, list):
            raise invalid(f"{where}.tools", _("Give a list of tools."))
        for i, one in enumerate(inner):
            _check_tool(one, f"{where}.tools[{i}]", ("function", "custom"))


def as_chat(settings: Mapping[str, Any]) -> Json:
    """The chat format's ``tools``, ``tool_choice`` and ``parallel_tool_calls``; empty for none."""
    choice, told = settings["tool_choice"], [_function(*one) for one in _every(settings["tools"])]
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        allowed = {
            joined(one.get("namespace"), one["name"])
            for one in choice["tools"]
            if one["type"] != file_search.TOOL
        }
        told = [tool for tool in told if tool["function"]["name"] in allowed]
        choice = choice.get("mode", "auto")
    if not told:
        return {}
    if isinstance(choice, Mapping) and choice["type"] == file_search.TOOL:
        choice = "auto"  # it has been searched before the model is asked
    if isinstance(choice, Mapping):
        name = joined(choice.get("namespace"), choice["name"])
        choice = {"type": "function", "function": {"name": name}}
    fields: Json = {"tools": told} | ({} if choice == "auto" else {"tool_choice": choice})
    return fields | ({} if settings["parallel_tool_calls"] else {"parallel_tool_calls": False})


def names_of(tools: Sequence[Mapping[str, Any]]) -> dict[str, Named]:
    """What the client calls the tools, by the names that models call them by."""
    named: dict[str, Named] = {}
    for tool in tools:
        namespace = tool["name"] if tool["type"] == "namespace" else None
        for called, one in _every([tool]):
            named[called] = Named(one["name"], namespace, one["type"] == "custom")
    return named


def joined(namespace: str | None, name: str) -> str:
    """The name of a tool of a namespace for models, which know no namespaces."""
    if not namespace:
        return name
    return f"{namespace.rstrip('_')}__{name}"[-_LONGEST_NAME:]


def _every(tools: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every tool by the name that models call it by."""
    for tool in tools:
        if tool["type"] == "namespace":
            for one in tool["tools"]:
                yield joined(tool["name"], one["name"]), one
        elif tool["type"] != file_search.TOOL:
            yield tool["name"], tool


def arguments_of(given: str) -> str:
    """The input of a custom tool as the arguments of its function."""
    return orjson.dumps({INPUT: given}).decode()


def input_of(arguments: str) -> str:
    """The input of a custom tool out of the arguments of its function; what is no such object is
    the input itself."""
    try:
        told = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    given = told.get(INPUT) if isinstance(told, dict) else None
    return given if isinstance(given, str) else arguments


def _function(name: str, tool: Mapping[str, Any]) -> Json:
    told = {"name": name}
    if tool.get("description"):
        told["description"] = tool["description"]
    if tool["type"] == "custom":
        format_ = tool.get("format")
        grammar = format_.get("definition") if isinstance(format_, Mapping) else None
        if isinstance(grammar, str):
            told["description"] = f"{told.get('description', '')}\n\nGrammar:\n{grammar}".strip()
        schema = {"type": "object", "properties": {INPUT: {"type": "string"}}, "required": [INPUT]}
        return {"type": "function", "function": {**told, "parameters": schema}}
    for field in ("parameters", "strict"):
        if tool.get(field) is not None:
            told[field] = tool[field]
    return {"type": "function", "function": told}
