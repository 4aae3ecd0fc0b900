"""Server-sent events: encoding them, and reading them from byte pieces.

The format is the HTML standard's (section 9.2.6, "Interpreting an event stream"): a line ends
with ``\\n``, ``\\r`` or ``\\r\\n``, an empty line ends an event, several ``data`` lines of one
event are joined by ``\\n``, a line that begins with a colon is a comment, and what stands after
the last empty line when the stream ends is no event.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """An event does not end within the bytes that the parser may hold."""


def encode(data: bytes | str, *, event: str | None = None, id: str | int | None = None) -> bytes:  # noqa: A002  the field's name in the format
    """One event. `event` and `id` must not hold a line end (ValueError)."""
    payload = data.encode() if isinstance(data, str) else data
    if b"\n" in payload or b"\r" in payload:
        payload = b"\ndata: ".join(_LINE_END.split(payload))
    return _field("id", id) + _field("event", event) + b"data: " + payload + b"\n\n"


def comment(text: str = "") -> bytes:
    """A line that readers skip; it keeps a silent connection open."""
    return f": {_one_line(text)}\n\n".encode()


class Parser:
    """Makes the data payloads of events out of the pieces in which a stream arrives.

    A piece may end anywhere, inside a character or a line end too. Payloads stay bytes: who
    reads JSON needs no text. ``event``, ``id`` and ``retry`` fields and comments are skipped.
    """

    def __init__(self, *, limit: int = 16 * 1024 * 1024) -> None:
        """`limit`: how many bytes an event that has not ended may take."""
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[bytes]:
        """The payloads of the events that `piece` ends. Raises EventTooLong."""
        if not piece:
            return []
        if self._after_cr or b"\r" in piece:
            piece = self._with_plain_line_ends(piece)
        buffer = self._buffer
        buffer += piece
        if self._at_start:
            self._skip_bom()
        return self._take_events()

    def _take_events(self) -> list[bytes]:
        buffer, payloads, begin = self._buffer, [], 0
        while (end := buffer.find(b"\n\n", max(begin, self._searched))) >= 0:
            payload = _data(bytes(buffer[begin:end]))
            if payload is not None:
                payloads.append(payload)
            begin = end + 2
            self._searched = begin
        del buffer[:begin]
        self._searched = max(0, len(buffer) - 1)  # the last byte may be half of the next end
        if len(buffer) > self._limit:
            raise EventTooLong(f"An event is longer than {self._limit} bytes.")
        return payloads

    def _with_plain_line_ends(self, piece: bytes) -> bytes:
        """`piece` with ``\\n`` alone; a ``\\n`` whose ``\\r`` ended the piece before is dropped."""
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_cr = False
        if piece:
            self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _skip_bom(self) -> None:
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return
        self._at_start = False
        if self._buffer.startswith(_BOM):
            del self._buffer[: len(_BOM)]


def _data(block: bytes) -> bytes | None:
    """The data of one event without its closing empty line; None if it has none."""
    # The two usual forms first: this is done for every chunk, and splitting lines costs most of it.
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    name, found, value = block.partition(b"\ndata: ")
    if found and name.startswith(b"event") and b"\n" not in name and b"\n" not in value:
        return value
    values = [
        value.removeprefix(b" ")
        for name, _, value in (line.partition(b":") for line in block.split(b"\n"))
        if name == b"data"
    ]
    return b"\n".join(values) if values else None


def _field(name: str, value: str | int | None) -> bytes:
    return b"" if value is None else f"{name}: {_one_line(str(value))}\n".encode()


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("A field of an event takes one line.")
    return text
