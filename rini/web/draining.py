"""Whether this process is about to end: it finishes what it has, and takes nothing new."""

from __future__ import annotations

_began = False


def begin() -> None:
    """The process ends: from now on `/readyz` says so to whoever still has a connection."""
    global _began  # noqa: PLW0603  # a process ends once
    _began = True


def is_under_way() -> bool:
    return _began
