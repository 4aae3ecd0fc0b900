"""What a vendor wants back with its answer, in the field of an item that clients keep. Pure.

Claude wants its thoughts back with their signatures, and Gemini the signatures of its calls.
Clients send ``encrypted_content`` back as it came; there is nothing in it that they may not know.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from providers.types import EXTRA_CONTENT, THINKING_BLOCKS, Keepsake

Json = dict[str, Any]
_MARK = "rini:"
_CALLS = "calls"


def written(kept: Sequence[Keepsake], call_ids: Mapping[int, str]) -> str:
    """The keepsakes of an answer as a text; `call_ids` are its calls' by their places. Empty for
    none."""
    told: Json = {}
    for keepsake in kept:
        if keepsake.call is not None:
            calls = told.setdefault(_CALLS, {})
            calls[call_ids.get(keepsake.call, "")] = keepsake.fields.get(EXTRA_CONTENT)
        else:
            blocks = [_block(block) for block in keepsake.fields.get(THINKING_BLOCKS, ())]
            if blocks:
                told.setdefault(THINKING_BLOCKS, []).extend(blocks)
            if EXTRA_CONTENT in keepsake.fields:
                told[EXTRA_CONTENT] = keepsake.fields[EXTRA_CONTENT]
    return _MARK + base64.b64encode(orjson.dumps(told)).decode() if told else ""


def of_answer(item: Mapping[str, Any]) -> Json:
    """The fields of the message that follows this item of thoughts."""
    told = _opened(item.get("encrypted_content"))
    fields = {name: told[name] for name in (THINKING_BLOCKS, EXTRA_CONTENT) if told.get(name)}
    return fields if isinstance(fields.get(THINKING_BLOCKS, []), list) else {}


def of_calls(given: Iterable[Mapping[str, Any]]) -> Json:
    """What belongs to calls, by their ids: the item that has it comes after them."""
    kept: Json = {}
    for item in given:
        if item["type"] == "reasoning":
            calls = _opened(item.get("encrypted_content")).get(_CALLS)
            kept |= calls if isinstance(calls, dict) else {}
    return kept


def _opened(content: object) -> Json:
    """Empty for somebody else's, and for one that was changed."""
    if not isinstance(content, str) or not content.startswith(_MARK):
        return {}
    try:
        told = orjson.loads(base64.b64decode(content.removeprefix(_MARK), validate=True))
    except ValueError:  # no base64, no JSON, or not even ASCII
        return {}
    return told if isinstance(told, dict) else {}


def _block(block: Mapping[str, Any]) -> Json:
    return {name: value for name, value in block.items() if name != "index"}
