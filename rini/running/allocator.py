"""Memory that is not used goes back to the machine.

glibc keeps what large blocks lay in, for each of up to eight arenas a core, and takes ever larger
ones for blocks that are worth keeping. One rush of log-ins, 19 MiB a password, would then be the
process's size for good. Elsewhere (musl, macOS) there is nothing to do.

Python keeps what refers to itself, as requests and their answers often do, until it looks for it,
which is seldom. So it is made to look after large ones.
"""

from __future__ import annotations

import ctypes
import gc
import time

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Of glibc's malloc.h."""
_MAPPED = 256 * 1024
_ARENAS = 4
LARGE = 1024 * 1024
"""Bytes of a body or an answer, after which it is worth looking."""
PAUSE_SECONDS = 3.0
_is_due = False
_tidied_at = 0.0


def note_large() -> None:
    """Something of more than `LARGE` bytes is not needed any more."""
    global _is_due  # noqa: PLW0603  # the process's memory
    _is_due = True


def tidy() -> None:
    """Free what nothing but itself refers to, if that may be much: takes some milliseconds."""
    global _is_due, _tidied_at
    if _is_due and time.monotonic() - _tidied_at > PAUSE_SECONDS:
        _is_due, _tidied_at = False, time.monotonic()
        gc.collect()


def give_back_freed() -> None:
    """Map blocks of `_MAPPED` bytes and more each by itself, whatever was freed before, and use a
    few arenas for all threads."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _MAPPED)
    mallopt(_ARENA_MAX, _ARENAS)
