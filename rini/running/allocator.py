"""Memory that is not used goes back to the machine.

glibc keeps what large blocks lay in, for each of up to eight arenas a core, and takes ever larger
ones for blocks that are worth keeping. One rush of log-ins, 19 MiB a password, would then be the
process's size for good. Elsewhere (musl, macOS) nothing is to do.
"""

from __future__ import annotations

import ctypes

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Of glibc's malloc.h."""
_LARGE = 256 * 1024
_ARENAS = 4


def give_back_freed() -> None:
    """Map blocks of `_LARGE` bytes and more each by itself, whatever was freed before, and use a
    few arenas for all threads."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_ARENA_MAX, _ARENAS)
