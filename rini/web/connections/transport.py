"""A connection's transport that knows how long its reader has taken nothing."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
from typing import Any

LINGER_SECONDS = 2.0
"""How long the rest of a refused request is thrown away, so that its sender reads the answer: a
connection that is closed with unread bytes is reset, and the answer is lost with it."""
LINGER_BYTES = 64 * 1024 * 1024


class Transport:
    """asyncio's transport, whatever kind. `close` waits for a request that is half read."""

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self._transport = transport
        self._written = 0
        self._taken = 0
        self._moved_at = now
        self.opened_at = now
        self.is_half_read = False
        self.lingering_since: float | None = None
        self._thrown_away = 0

    @property
    def written(self) -> int:
        """How many bytes the application has sent."""
        return self._written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._written += len(data)
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self.lingering_since is not None or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        if self.is_half_read and self._transport.can_write_eof():
            self.lingering_since = asyncio.get_running_loop().time()
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    def throw_away(self, data: bytes) -> None:
        """Count what comes after the answer; too much of it ends the patience."""
        self._thrown_away += len(data)
        if self._thrown_away > LINGER_BYTES:
            self._transport.abort()

    @property
    def unsent(self) -> int:
        """The bytes that wait for the reader."""
        return self._transport.get_write_buffer_size()

    def stalled_for(self, now: float) -> float:
        """The seconds for which bytes have waited and the reader has taken none."""
        waiting = self.unsent
        taken = self._written - waiting - (self._in_kernel() if waiting else 0)
        if taken > self._taken or not waiting:
            self._taken, self._moved_at = taken, now
        return now - self._moved_at

    def _in_kernel(self) -> int:
        """The bytes that wait there: megabytes, of which a slow reader may take little a second."""
        try:
            answer = fcntl.ioctl(
                self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4)
            )
        except (OSError, AttributeError):
            return 0
        return int.from_bytes(answer, sys.byteorder)

    def lingers_too_long(self, now: float) -> bool:
        return self.lingering_since is not None and now - self.lingering_since > LINGER_SECONDS
