"""JSON that is sent as a line: in events, over WebSockets, and as one object after the other. Pure.

Readers of lines disagree on where one ends. Python's, which httpx and requests use, end one at
U+2028, U+2029 and U+0085 too; JSON lets these stand in its strings as they are. Escaped they are
the same text, and no line breaks.
"""

from __future__ import annotations

from typing import Any

import orjson

from rini.text import storable_value

_ESCAPES = {b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029", b"\xc2\x85": rb"\u0085"}


def encoded(value: Any) -> bytes:
    """`value` as JSON on one line. Halves of surrogate pairs, for which UTF-8 has nothing, are
    mended."""
    try:
        line = orjson.dumps(value)
    except orjson.JSONEncodeError:
        line = orjson.dumps(storable_value(value))
    return escaped(line)


def escaped(line: bytes) -> bytes:
    """JSON on one line as `encoded` writes it: the same value, and no reader of lines breaks it."""
    for separator, escape in _ESCAPES.items():
        if separator in line:
            line = line.replace(separator, escape)
    return line
