"""The items of a conversation: messages, calls of functions, their results, and thoughts. Pure.

Format: https://platform.openai.com/docs/api-reference/responses/object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rini.dialects.responses import compaction
from rini.dialects.responses.wrong import invalid, one_of, text, text_or_none
from rini.translation import gettext as _

Json = dict[str, Any]
ROLES = ("user", "assistant", "system", "developer")
_PREFIXES = {"message": "msg", "reasoning": "rs", compaction.KIND: "cmp"}


def given(value: object, field: str) -> list[Json]:
    """The items that a request gives as a text or as a list. Raises `InvalidInput`."""
    if isinstance(value, str):
        return [_message(value)]
    if not isinstance(value, list) or not value:
        raise invalid(field, _("Give a text or a list of at least one item."))
    return [_checked(item, f"{field}[{i}]") for i, item in enumerate(value)]


def _message(content: str) -> Json:
    part = {"type": "input_text", "text": content}
    return {"type": "message", "role": "user", "content": [part]}


def numbered(stored: Sequence[Json], whose: str) -> list[Json]:
    """Items of a request as clients read them: each with an id."""
    return [
        {"id": f"{_PREFIXES.get(item['type'], 'item')}_{whose}{i:04x}", **item}
        for i, item in enumerate(stored)
    ]


def texts_of(item: Mapping[str, Any]) -> Iterator[str]:
    """What a message says, or a result."""
    content = item.get("content", item.get("output"))
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        said = part.get("text", part.get("refusal"))
        if isinstance(said, str):
            yield said


def _checked(item: object, where: str) -> Json:
    if not isinstance(item, dict):
        raise invalid(where, _("An item is an object."))
    kind = item.get("type", "message" if "role" in item else None)
    check = _KINDS.get(kind) if isinstance(kind, str) else None
    if check is None:
        told = _("Items of the type %(kind)s are not served here.") % {"kind": kind}
        raise invalid(f"{where}.type", told)
    check(item, where)
    return {"type": kind, **{name: value for name, value in item.items() if value is not None}}


def _check_message(item: Json, where: str) -> None:
    one_of(item.get("role"), f"{where}.role", ROLES)
    content = item.get("content")
    if not isinstance(content, str):
        _check_parts(content, f"{where}.content")


def _check_parts(parts: object, where: str) -> None:
    if not isinstance(parts, list):
        raise invalid(where, _("Give a text or a list of parts."))
    for i, part in enumerate(parts):
        place = f"{where}[{i}]"
        if not isinstance(part, Mapping):
            raise invalid(place, _("A part is an object."))
        kind = one_of(part.get("type"), f"{place}.type", _PARTS)
        for name in _PARTS[kind]:
            text(part.get(name), f"{place}.{name}")


def _check_call(item: Json, where: str) -> None:
    text_or_none(item.get("namespace"), f"{where}.namespace")
    for name in ("call_id", "name", "arguments"):
        text(item.get(name), f"{where}.{name}")


def _check_custom_call(item: Json, where: str) -> None:
    text_or_none(item.get("namespace"), f"{where}.namespace")
    for name in ("call_id", "name", "input"):
        text(item.get(name), f"{where}.{name}")


def _check_output(item: Json, where: str) -> None:
    text(item.get("call_id"), f"{where}.call_id")
    if not isinstance(item.get("output"), str):
        _check_parts(item.get("output"), f"{where}.output")


def _check_reasoning(item: Json, where: str) -> None:
    if not isinstance(item.get("summary", []), list):
        raise invalid(f"{where}.summary", _("Give a list of parts."))


_PARTS: Mapping[str, tuple[str, ...]] = {
    "input_text": ("text",),
    "output_text": ("text",),
    "text": ("text",),
    "refusal": ("refusal",),
    "input_image": ("image_url",),
    "input_file": ("file_data",),
    "input_audio": (),
}
"""The kinds of parts, and the texts that each needs."""


def _check_search(item: Json, where: str) -> None:
    if not isinstance(item.get("queries", []), list):
        raise invalid(f"{where}.queries", _("Give a list of texts."))


_KINDS: Mapping[str, Callable[[Json, str], None]] = {
    "message": _check_message,
    "function_call": _check_call,
    "function_call_output": _check_output,
    "custom_tool_call": _check_custom_call,
    "custom_tool_call_output": _check_output,
    "reasoning": _check_reasoning,
    compaction.KIND: compaction.check,
    "file_search_call": _check_search,
}


def shown(given: Sequence[Mapping[str, Any]]) -> str:
    """What people see of a request: what its last message says, or else its last result."""
    for kinds in (("message",), ("function_call_output", "custom_tool_call_output")):
        for item in reversed(given):
            if item["type"] in kinds and (said := "\n\n".join(texts_of(item))):
                return said
    return ""


def role(given: Sequence[Mapping[str, Any]]) -> str:
    """Whose the message is that people see: a user's, or a tool's where there are results only."""
    said_by_user = any(item["type"] == "message" for item in given)
    return "user" if said_by_user else "tool"
