"""ChatGPT's export (``conversations.json``), read as Rini's own JSON. Pure.

A conversation is ``{"title", "create_time", "mapping": {id: node}, "current_node"}``; a node is
``{"message": null or {"author": {"role"}, "create_time", "content": {"content_type", "parts"},
"metadata": {"model_slug"}, "recipient"}, "parent": id or null}``, times in Unix seconds. What the
user and the model said to each other is kept; hidden messages, tools and what was said to tools are
left out, and what follows them moves up. (The format is not documented by OpenAI; this is what its
files hold.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rini.errors import InvalidInput
from rini.translation import gettext as _

_SPEAKERS = ("user", "assistant")
Node = Mapping[str, Any]


def read(conversation: Any, at: str = "") -> dict[str, Any]:
    """One conversation as Rini's JSON; `at` is where it stands in the file.

    Raises `InvalidInput` where it is no conversation, or its nodes do not make a tree.
    """
    mapping = conversation.get("mapping") if isinstance(conversation, dict) else None
    if not isinstance(mapping, dict) or not all(isinstance(n, dict) for n in mapping.values()):
        raise InvalidInput(errors={f"{at}.mapping".lstrip("."): [_("Give an object of nodes.")]})
    ordered = list(_parents_first(mapping))
    if len(ordered) != len(mapping):
        raise InvalidInput(
            errors={f"{at}.mapping".lstrip("."): [_("The parents of a node form a cycle.")]}
        )
    numbers: dict[str, int | None] = {}  # of every node: its own, or that of the kept one above it
    messages: list[dict[str, Any]] = []
    for name in ordered:
        node = mapping[name]
        above = numbers.get(str(node.get("parent")))
        message = _message(node.get("message"))
        if message is not None:
            messages.append({"number": len(messages) + 1, "parent": above, **message})
        numbers[name] = above if message is None else len(messages)
    current = numbers.get(str(conversation.get("current_node")))
    session = {
        "alias": str(conversation.get("title") or "")[:200].replace("\x00", ""),
        "active_message": current if current else (len(messages) or None),
        **_created(conversation),
    }
    return {"format": "rini.session", "version": 1, "session": session, "messages": messages}


def _parents_first(mapping: Mapping[str, Node]) -> Iterator[str]:
    """The names of all nodes that hang on a root, each after its parent."""
    below: defaultdict[str | None, list[str]] = defaultdict(list)
    for name, node in mapping.items():
        parent = node.get("parent")
        below[parent if isinstance(parent, str) and parent in mapping else None].append(name)
    waiting = below[None][::-1]
    while waiting:
        name = waiting.pop()
        yield name
        waiting += below[name][::-1]


def _message(message: Any) -> dict[str, Any] | None:
    """What a node says in Rini's words; None if it is nothing that was said."""
    if not isinstance(message, dict):
        return None
    role = _part(message, "author").get("role")
    metadata = _part(message, "metadata")
    text = _text(_part(message, "content"))
    hidden = metadata.get("is_visually_hidden_from_conversation")
    to_tool = message.get("recipient") not in {None, "all"}
    if role not in _SPEAKERS or hidden or to_tool or not text.strip():
        return None
    model = metadata.get("model_slug") if role == "assistant" else None
    by = {"provider": "openai", "model_used": model[:200]} if isinstance(model, str) else {}
    return {"role": role, "content": text, **by, **_created(message)}


def _text(content: Mapping[str, Any]) -> str:
    """The text of a content; empty for pictures and the like, which the file only points at."""
    if content.get("content_type") not in {"text", "multimodal_text"}:
        return ""
    parts = content.get("parts")
    if not isinstance(parts, list):
        return ""
    return "\n".join(part for part in parts if isinstance(part, str))


def _created(of: Mapping[str, Any]) -> dict[str, str]:
    seconds = of.get("create_time")
    try:
        moment = datetime.fromtimestamp(float(seconds), UTC) if seconds else None
    except (TypeError, ValueError, OverflowError, OSError):
        moment = None
    return {"created_at": moment.isoformat()} if moment else {}


def _part(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = message.get(name)
    return found if isinstance(found, dict) else {}
