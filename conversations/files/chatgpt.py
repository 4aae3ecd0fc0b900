"""ChatGPT's export (``conversations.json``), read as Rini's own JSON. Pure.

A conversation is ``{"title", "create_time", "mapping": {id: node}, "current_node"}``; a node is
``{"message": null or {"author": {"role"}, "create_time", "content": {"content_type", "parts"},
"metadata": {"model_slug"}, "recipient"}, "parent": id or null}``, times in Unix seconds. What the
user and the model said to each other is kept, spoken words and code that was shown among it, and
thoughts as reasoning; of a picture, which the file only points at, its place. Hidden messages,
tools and what was said to tools are left out, and what follows them moves up. (The format is not
documented by OpenAI; this is what its files hold.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rini.errors import InvalidInput
from rini.translation import gettext as _

PICTURE = "[an image that the export only points at]"
_MARKS = {"is_archived": "archived", "is_starred": "pinned"}
_SPEAKERS = ("user", "assistant")
Node = Mapping[str, Any]


def read(conversation: Any, at: str = "") -> dict[str, Any]:
    """One conversation as Rini's JSON; `at` is where it stands in the file.

    What was left out is counted in the session's metadata: ``{"imported_from": "chatgpt",
    "left_out": {"hidden": 2, "tool": 5}}``, by the reason or the type of content.

    Raises `InvalidInput` where it is no conversation, or its nodes do not make a tree.
    """
    left_out: Counter[str] = Counter()
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
        if isinstance(message, str):
            left_out[message] += 1
            message = None
        if message is not None:
            messages.append({"number": len(messages) + 1, "parent": above, **message})
        numbers[name] = above if message is None else len(messages)
    current = numbers.get(str(conversation.get("current_node")))
    session = {
        "alias": str(conversation.get("title") or "")[:200].replace("\x00", ""),
        "active_message": current if current else (len(messages) or None),
        **{ours: True for theirs, ours in _MARKS.items() if conversation.get(theirs) is True},
        "metadata": {"imported_from": "chatgpt", "left_out": dict(left_out.most_common(20))},
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


def _message(message: Any) -> dict[str, Any] | str | None:
    """What a node says in Rini's words; why it is left out; None for one that says nothing."""
    if not isinstance(message, dict):
        return None
    role = _part(message, "author").get("role")
    metadata, content = _part(message, "metadata"), _part(message, "content")
    if metadata.get("is_visually_hidden_from_conversation"):
        return "hidden"
    if role not in _SPEAKERS:
        return None if role in (None, "system") else "tool"
    if message.get("recipient") not in (None, "all"):
        return "tool"
    kind = str(content.get("content_type"))[:40]
    text, thoughts = _text(content), _thoughts(content)
    if not text.strip() and not thoughts:
        return None if kind in {"text", "multimodal_text"} else kind
    model = metadata.get("model_slug") if role == "assistant" else None
    by = {"provider": "openai", "model_used": model[:200]} if isinstance(model, str) else {}
    said = {"role": role, "content": text, **({"reasoning": thoughts} if thoughts else {})}
    return {**said, **by, **_created(message)}


def _text(content: Mapping[str, Any]) -> str:
    kind = content.get("content_type")
    if kind == "code":
        code = _string(content, "text")
        language = _string(content, "language")
        fence = "" if language == "unknown" else language
        return f"```{fence}\n{code}\n```" if code.strip() else ""
    parts = content.get("parts")
    if kind not in ("text", "multimodal_text") or not isinstance(parts, list):
        return ""
    return "\n".join(filter(None, map(_said, parts)))


def _said(part: Any) -> str:
    """A part of a message as text: what was typed, what was spoken, or that there was a picture."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    kind = part.get("content_type")
    if kind == "audio_transcription":
        return _string(part, "text")
    return PICTURE if kind == "image_asset_pointer" else ""


def _thoughts(content: Mapping[str, Any]) -> str:
    thoughts = content.get("thoughts") if content.get("content_type") == "thoughts" else None
    told = [
        "\n".join(filter(None, (_string(one, "summary"), _string(one, "content"))))
        for one in (thoughts if isinstance(thoughts, list) else ())
        if isinstance(one, dict)
    ]
    return "\n\n".join(filter(None, told))


def _string(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


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
