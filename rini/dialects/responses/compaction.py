"""A conversation told shortly, so that it fits again: what stands in its place. Pure.

Format: https://platform.openai.com/docs/api-reference/responses/compact. What users have said stays
as it is; all else is an item that clients send back as it came. It holds nothing that they may not
know: the summary, in the field of OpenAI's encrypted one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from rini.dialects.responses.wrong import invalid
from rini.translation import gettext as _

Json = dict[str, Any]
KIND = "compaction"
_INSTRUCTIONS = (
    "The conversation above has become too long, and is about to be cut: of it only what the user "
    "has said will be left, and what you write now. Tell the assistant, who will go on without "
    "having read the rest, what was done and found, with names, numbers, paths and decisions, and "
    "what is still open. Write in the language of the conversation, and nothing else."
)
_HEADING = "What was said before, told shortly by the assistant:"
_MARK = "rini-compaction:"


def question() -> Json:
    """The item that asks for the summary of all that stands above it."""
    return {"type": "message", "role": "user", "content": _INSTRUCTIONS}


def output(given: Sequence[Mapping[str, Any]], summary: str, whose: str) -> list[Json]:
    """What stands in the place of a conversation."""
    asked = [dict(i) for i in given if i["type"] == "message" and i["role"] == "user"]
    said = [
        {"status": "completed", **item, "id": f"msg_{whose}{i:04x}", "content": _parts(item)}
        for i, item in enumerate(asked)
    ]
    content = _MARK + base64.b64encode(summary.encode()).decode()
    return [*said, {"type": KIND, "id": f"cmp_{whose}", "encrypted_content": content}]


def check(item: Json, where: str) -> None:
    """Raise `InvalidInput` for an item that Rini has not written."""
    if _opened(item.get("encrypted_content")) is None:
        told = _("Only what /v1/responses/compact has answered here can be sent back.")
        raise invalid(f"{where}.encrypted_content", told)


def as_chat(item: Mapping[str, Any]) -> Json:
    """What a model is told of it."""
    return {"role": "system", "content": f"{_HEADING}\n\n{_opened(item['encrypted_content'])}"}


def _parts(item: Mapping[str, Any]) -> list[Any]:
    content = item["content"]
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


def _opened(content: object) -> str | None:
    if not isinstance(content, str) or not content.startswith(_MARK):
        return None
    try:
        return base64.b64decode(content.removeprefix(_MARK), validate=True).decode()
    except ValueError:  # also of what is not ASCII
        return None
