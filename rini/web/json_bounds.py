"""How deep JSON is, and of how many values, found out without making them. Pure.

Thirty megabytes of ``[],`` become ten million lists and a gigabyte; a hundred thousand ``[`` become
a stack that overflows. Both are known from the bytes that stand outside of texts.
"""

from __future__ import annotations

import re

_STRUCTURE = b'"[]{},'
_OTHERS = bytes(set(range(256)) - set(_STRUCTURE))
_TEXT = re.compile(rb'"[^"]*"?')
_BRACKETS = bytes.maketrans(b"{}", b"[]")


class TooDeep(ValueError):
    """There are more levels than allowed."""


class TooMany(ValueError):
    """There are more values than allowed."""


def check(body: bytes, *, depth: int, values: int) -> None:
    """Raise `TooDeep` or `TooMany` for JSON of more than so many levels or values.

    It does not judge what is not JSON.
    """
    opened = body.count(b"[") + body.count(b"{")
    if opened <= depth and opened + body.count(b",") < values:
        return  # even if all of them stood outside of texts
    outside = _outside_of_texts(body, values)
    opened = outside.count(b"[") + outside.count(b"{")
    if opened + outside.count(b",") >= values:
        raise TooMany
    if opened > depth:
        _check_depth(outside.replace(b",", b""), depth)


def _outside_of_texts(body: bytes, values: int) -> bytes:
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = body.translate(None, _OTHERS)
    if structure.count(b'"') > 4 * values:  # a name and a text for each
        raise TooMany
    return _TEXT.sub(b"", structure)


def _check_depth(brackets: bytes, depth: int) -> None:
    """Each round takes the innermost level away."""
    brackets = brackets.translate(_BRACKETS)
    for _ in range(depth):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return
    if b"[]" in brackets or brackets.count(b"[") > depth:  # else it ends too early to be JSON
        raise TooDeep
