"""What a vendor wants back with its tool calls, in a block that clients send back. Pure.

Gemini refuses its own call without the signature of the thought that led to it, and Anthropic's
``tool_use`` has no room for it. ``redacted_thinking`` is a block that clients keep and do not read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

_MARK = "rini:"


def block(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The block that holds what is kept of calls, by their ids."""
    data = base64.b64encode(orjson.dumps(kept)).decode()
    return {"type": "redacted_thinking", "data": _MARK + data}


def opened(data: object) -> dict[str, Any]:
    """What such a block holds; empty if it is somebody else's, or was changed."""
    if not is_ours(data):
        return {}
    try:
        kept = orjson.loads(base64.b64decode(str(data).removeprefix(_MARK), validate=True))
    except (binascii.Error, orjson.JSONDecodeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def is_ours(data: object) -> bool:
    return isinstance(data, str) and data.startswith(_MARK)


def without_ours(messages: list[Any]) -> list[Any]:
    """`messages` as Anthropic takes them: without other vendors' thoughts, which it has not signed.
    Messages that have none stay the same objects."""
    return [_without(message) for message in messages]


def _without(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list) or not any(map(_is_foreign, content)):
        return message
    return {**message, "content": [block for block in content if not _is_foreign(block)]}


def _is_foreign(block: object) -> bool:
    if not isinstance(block, Mapping):
        return False
    unsigned = block.get("type") == "thinking" and block.get("signature") == ""
    return unsigned or (block.get("type") == "redacted_thinking" and is_ours(block.get("data")))
