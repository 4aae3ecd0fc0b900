"""How many tokens a text has, where the vendor has not told.

Counted with tiktoken's o200k vocabulary, which litellm ships as a file, so that no network is
needed. Other vendors' tokenizers differ by some tenths; what is counted here is marked `estimated`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import tiktoken

_PIECE = 8192  # tiktoken's cost grows faster than the length of a run without spaces
_PER_MESSAGE = 4  # what OpenAI's chat format adds to each message
_PER_IMAGE = 1000  # the order of magnitude of a vendor's charge for a picture


@cache
def _vocabulary() -> tiktoken.Encoding:
    spec = importlib.util.find_spec("litellm")
    if spec is not None and spec.origin:
        folder = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
    return tiktoken.get_encoding("o200k_base")


def count(text: str) -> int:
    """The tokens of `text`."""
    encode = _vocabulary().encode_ordinary
    return sum(len(encode(text[at : at + _PIECE])) for at in range(0, len(text), _PIECE))


def count_messages(messages: Iterable[Mapping[str, Any]]) -> int:
    """The tokens of a prompt in OpenAI's chat format."""
    return sum(_PER_MESSAGE + _count_content(message.get("content")) for message in messages)


def of_image(width: int, height: int) -> int:
    """About what vendors count for an image of that size: Anthropic's rule, and its bounds."""
    return min(max(width * height // 750, 85), 1600)


def _count_content(content: Any) -> int:
    if isinstance(content, str):
        return count(content)
    if not isinstance(content, list):
        return 0
    return sum(
        count(part["text"]) if isinstance(part.get("text"), str) else _PER_IMAGE
        for part in content
        if isinstance(part, dict)
    )
