"""The ids of OpenAI's clients: a word for the kind, and the hexadecimal digits of ours. Pure."""

from __future__ import annotations

import re
from uuid import UUID

STORE, FILE, BATCH = "vs_", "file-", "vsfb_"
_SHAPE = re.compile(r"(vs_|file-|vsfb_)([0-9a-f]{32})")


def named(kind: str, id_: UUID) -> str:
    """``vs_3f2b8a54…``"""
    return f"{kind}{id_.hex}"


def read(kind: str, name: object) -> UUID | None:
    """The id in ``vs_…``, ``file-…`` or ``vsfb_…``; None for what is no such name."""
    match = _SHAPE.fullmatch(name) if isinstance(name, str) else None
    return UUID(match[2]) if match and match[1] == kind else None
