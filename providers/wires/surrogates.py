"""Halves of surrogate pairs, which a vendor's JSON may hold (``"\\ud83d"``) and UTF-8 may not.

A vendor that cuts its text by UTF-16 units sends one half of an emoji at the end of a piece and the
other at the beginning of the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Set
from typing import Any

import orjson

_ANY = re.compile("[\ud800-\udfff]")
_HIGH_AT_END = re.compile("[\ud800-\udbff]\\Z")


def parsed(data: bytes, in_pieces: Set[str] | None = None) -> Any:
    """The JSON value, also if its texts hold halves; `data` itself if it is no JSON.

    With `in_pieces` its texts are mended already, but for those of these names.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parsed_slowly(data, in_pieces)


def _parsed_slowly(data: bytes, in_pieces: Set[str] | None) -> Any:
    """As `json` reads it, which takes halves; bytes that are no UTF-8 become U+FFFD."""
    try:
        value = json.loads(data.decode(errors="replace"))
        return value if in_pieces is None else _mended_in(value, in_pieces)
    except (ValueError, RecursionError):
        return data


def _mended_in(value: Any, in_pieces: Set[str]) -> Any:
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, list):
        return [_mended_in(item, in_pieces) for item in value]
    if isinstance(value, dict):
        return {
            mended(name): item if name in in_pieces else _mended_in(item, in_pieces)
            for name, item in value.items()
        }
    return value


def mended(text: str) -> str:
    """`text` with its halves joined where they meet, and U+FFFD for those that are alone."""
    if not _ANY.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Joiner:
    """Mends a text that comes in pieces."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The text to hand on; half a pair at its end is held back for the next piece."""
        if not self._held and (piece.isascii() or not _ANY.search(piece)):
            return piece
        piece = self._held + piece
        self._held = piece[-1] if _HIGH_AT_END.search(piece) else ""
        return mended(piece[:-1] if self._held else piece)

    def rest(self) -> str:
        """What is left at the end: U+FFFD for a half that nothing followed."""
        held, self._held = self._held, ""
        return mended(held)
