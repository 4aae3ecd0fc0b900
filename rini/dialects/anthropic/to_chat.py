"""A request of Anthropic's format as one of OpenAI's, for models of other vendors. Pure.

What the other format has no word for is refused by name; what no answer depends on (breakpoints of
caches, labels, what Claude keeps of its own thinking) is left out. docs/dialects.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from providers.types import EXTRA_CONTENT, ChatMessage, ChatRequest
from rini.dialects.anthropic import keepsakes
from rini.dialects.anthropic.asked import invalid
from rini.translation import gettext as _

Block = Mapping[str, Any]
Part = dict[str, Any]
_LEFT_OUT = frozenset(("metadata", "service_tier", "context_management", "cache_control"))
_AS_THEY_ARE = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k"}
_TOGETHER = ("messages", "system", "max_tokens", "stop_sequences", "tools", "tool_choice")
_THINKING = ("thinking", "output_config", "output_format")
_KNOWN = _LEFT_OUT | _AS_THEY_ARE.keys() | {*_TOGETHER, *_THINKING}
_MODES = {"auto": "auto", "any": "required", "none": "none"}
_SMALL_BUDGET, _LARGE_BUDGET = 4096, 16_384


def chat_request(fields: Mapping[str, Any], *, limit: str, thinks: bool) -> ChatRequest:
    """`limit` is the vendor's name for ``max_tokens``. A model that does not think is not told to.

    Raises `InvalidInput` with a message on the field that is wrong.
    """
    for name in fields:
        if name not in _KNOWN:
            raise invalid(name, _("Only Anthropic's models take this field."))
    messages = [*_system(fields.get("system")), *_messages(fields["messages"])]
    params: dict[str, Any] = {
        ours: fields[theirs] for theirs, ours in _AS_THEY_ARE.items() if theirs in fields
    }
    if params.get("temperature") == 1:
        del params["temperature"]  # the default, which models that think insist on
    if "max_tokens" in fields:
        params[limit] = fields["max_tokens"]
    if fields.get("stop_sequences"):
        params["stop"] = fields["stop_sequences"]
    return ChatRequest(messages, params | _tools(fields) | _output(fields, thinks=thinks))


def _system(system: object) -> Iterator[ChatMessage]:
    if system is None or system == "":
        return
    texts = [system] if isinstance(system, str) else [*_texts(system, "system")]
    yield {"role": "system", "content": "\n\n".join(texts)}


def _messages(messages: list[Any]) -> Iterator[ChatMessage]:
    for i, message in enumerate(messages):
        where, content = f"messages.{i}", message.get("content")
        role = message.get("role")
        if role == "system":
            yield from _system(content)
            continue
        if role not in {"user", "assistant"}:
            raise invalid(f"{where}.role", _("Give user or assistant."))
        if isinstance(content, str):
            yield {"role": role, "content": content}
        elif isinstance(content, list):
            yield from (_of_user if role == "user" else _of_assistant)(content, where)
        else:
            raise invalid(f"{where}.content", _("Give a text or a list of blocks."))


def _of_user(content: list[Any], where: str) -> Iterator[ChatMessage]:
    """A tool's results as messages of their own, then what the user says. Pictures in a result go
    to the user's message, because OpenAI's tools answer in text only."""
    said: list[Part] = []
    for block, place in _blocks(content, where):
        if block.get("type") != "tool_result":
            said += _parts(block, place)
            continue
        inner = block.get("content") or []
        parts = _only(inner) if isinstance(inner, str) else _result(inner, place)
        text = "\n\n".join(part["text"] for part in parts if part["type"] == "text")
        said += [part for part in parts if part["type"] != "text"]
        yield {"role": "tool", "tool_call_id": _text(block, "tool_use_id", place), "content": text}
    if said:
        only_text = len(said) == 1 and said[0]["type"] == "text"
        yield {"role": "user", "content": said[0]["text"] if only_text else said}


def _result(content: object, where: str) -> list[Part]:
    if not isinstance(content, list):
        raise invalid(f"{where}.content", _("Give a text or a list of blocks."))
    return [part for block, place in _blocks(content, where) for part in _parts(block, place)]


def _only(text: str) -> list[Part]:
    return [{"type": "text", "text": text}]


def _of_assistant(content: list[Any], where: str) -> Iterator[ChatMessage]:
    texts: list[str] = []
    calls: list[Part] = []
    kept: dict[str, Any] = {}
    for block, place in _blocks(content, where):
        match block.get("type"):
            case "text":
                texts.append(_text(block, "text", place))
            case "tool_use":
                calls.append(_call(block, place))
            case "redacted_thinking":
                kept |= keepsakes.opened(block.get("data"))
            case "thinking":
                pass  # other models take no thoughts back
            case kind:
                raise _unknown(kind, place)
    for call in calls:  # only now: the block that keeps it comes after its calls
        if call["id"] in kept:
            call[EXTRA_CONTENT] = kept[call["id"]]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if calls:
        message["tool_calls"] = calls
    if texts or calls:
        yield message


def _call(block: Block, where: str) -> Part:
    arguments = block.get("input")
    if not isinstance(arguments, Mapping):
        raise invalid(f"{where}.input", _("Give an object."))
    function = {
        "name": _text(block, "name", where),
        "arguments": orjson.dumps(arguments).decode(),
    }
    return {"id": _text(block, "id", where), "type": "function", "function": function}


def _parts(block: Block, where: str) -> Iterator[Part]:
    kind = block.get("type")
    make = _KINDS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise _unknown(kind, where)
    yield from make(block, where)


def _text_parts(block: Block, where: str) -> Iterator[Part]:
    if text := _text(block, "text", where):
        yield {"type": "text", "text": text}


def _image_parts(block: Block, where: str) -> Iterator[Part]:
    yield {"type": "image_url", "image_url": {"url": _address(block, where, "image")}}


def _document_parts(block: Block, where: str) -> Iterator[Part]:
    source = block.get("source")
    kind = source.get("type") if isinstance(source, Mapping) else None
    if isinstance(source, Mapping) and kind == "text":
        yield {"type": "text", "text": _text(source, "data", where)}
    elif isinstance(source, Mapping) and kind == "content":
        inner = source.get("content")
        yield from _only(inner) if isinstance(inner, str) else _result(inner, where)
    elif kind == "base64":
        name = block.get("title")
        file = {"filename": name if isinstance(name, str) and name else "document.pdf"}
        data = _address(block, where, "application/pdf")
        yield {"type": "file", "file": {**file, "file_data": data}}
    else:
        raise invalid(where, _("Only Anthropic's models take a document from this kind of source."))


def _address(block: Block, where: str, kind: str) -> str:
    """A source as an address: its own, or a ``data:`` URL."""
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") == "url":
        return _text(source, "url", where)
    if isinstance(source, Mapping) and source.get("type") == "base64":
        media_type = _text(source, "media_type", where)
        if media_type.startswith(kind):
            return f"data:{media_type};base64,{_text(source, 'data', where)}"
    raise invalid(where, _("Only Anthropic's models take a source of this kind."))


_KINDS: Mapping[str, Callable[[Block, str], Iterator[Part]]] = {
    "text": _text_parts,
    "image": _image_parts,
    "document": _document_parts,
}


def _tools(fields: Mapping[str, Any]) -> dict[str, Any]:
    given, choice = fields.get("tools") or [], fields.get("tool_choice") or {}
    if not isinstance(given, list) or not isinstance(choice, Mapping):
        raise invalid("tools", _("Give a list of tools."))
    params: dict[str, Any] = {}
    if given:
        params["tools"] = [_tool(tool, f"tools.{i}") for i, tool in enumerate(given)]
    kind = choice.get("type")
    if kind == "tool":
        name = _text(choice, "name", "tool_choice")
        params["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in _MODES:
        params["tool_choice"] = _MODES[kind]
    elif kind is not None:
        raise invalid("tool_choice.type", _("Give auto, any, tool or none."))
    if given and choice.get("disable_parallel_tool_use"):
        params["parallel_tool_calls"] = False
    return params if given else {}  # OpenAI refuses a choice where there are no tools


def _tool(tool: object, where: str) -> Part:
    if not isinstance(tool, Mapping) or tool.get("type") not in {None, "custom"}:
        raise invalid(where, _("Only Anthropic's models take a tool of this type."))
    function: dict[str, Any] = {
        "name": _text(tool, "name", where),
        "parameters": tool.get("input_schema"),
    }
    for name in ("description", "strict"):
        if tool.get(name):
            function[name] = tool[name]
    return {"type": "function", "function": function}


def _output(fields: Mapping[str, Any], *, thinks: bool) -> dict[str, Any]:
    """The form of the answer, and how much thought it is worth."""
    config = fields.get("output_config") or {}
    if not isinstance(config, Mapping):
        raise invalid("output_config", _("Give an object."))
    params: dict[str, Any] = {}
    form = config.get("format") or fields.get("output_format")
    if isinstance(form, Mapping):
        schema = {"name": "answer", "schema": form.get("schema"), "strict": True}
        params["response_format"] = {"type": "json_schema", "json_schema": schema}
    effort = config.get("effort") or _effort(fields.get("thinking"))
    if effort and thinks:
        params["reasoning_effort"] = "high" if effort in {"xhigh", "max"} else effort
    return params


def _effort(thinking: object) -> str | None:
    if not isinstance(thinking, Mapping) or thinking.get("type") != "enabled":
        return None  # adaptive, or none asked for: the model's own measure
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < _SMALL_BUDGET:
        return "low"
    return "medium" if budget < _LARGE_BUDGET else "high"


def _blocks(content: list[Any], where: str) -> Iterator[tuple[Block, str]]:
    for i, block in enumerate(content):
        place = f"{where}.content.{i}"
        if not isinstance(block, Mapping):
            raise invalid(place, _("A block is an object with a type."))
        yield block, place


def _texts(blocks: object, where: str) -> Iterator[str]:
    if not isinstance(blocks, list):
        raise invalid(where, _("Give a text or a list of blocks."))
    for block, place in _blocks(blocks, where):
        if block.get("type") != "text":
            raise _unknown(block.get("type"), place)
        yield _text(block, "text", place)


def _text(holder: Mapping[str, Any], name: str, where: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise invalid(f"{where}.{name}", _("Give a text."))
    return value


def _unknown(kind: object, where: str) -> Exception:
    return invalid(
        f"{where}.type",
        _("Only Anthropic's models take a block of type %(kind)s.") % {"kind": str(kind)[:40]},
    )
