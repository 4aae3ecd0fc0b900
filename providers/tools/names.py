"""What models call the tools of connections: unique in an answer, and valid with every vendor."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

MOST = 64
"""Characters, with every vendor."""
_DIGITS = 6
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]+")


def names_of(tools: Sequence[tuple[str, str, str]]) -> list[str]:
    """The names of tools, each given as the id and name of its connection and its own name.

    ``<connection>_<tool>``, in a form that does not depend on their order, so that a model finds a
    tool under the same name in every answer. What had to be changed or cut, or is there twice, ends
    with a digest: two tools of a Korean name are two names.
    """
    plain = [_joined(connection, tool) for _id, connection, tool in tools]
    taken = Counter(name.lower() for name in plain)
    return [
        name if is_whole and taken[name.lower()] == 1 else _marked(name, of)
        for name, of, is_whole in zip(plain, tools, map(_is_whole, tools, plain), strict=True)
    ]


def _joined(connection: str, tool: str) -> str:
    return "_".join(part for part in map(_cleaned, (connection, tool)) if part) or "tool"


def _cleaned(name: str) -> str:
    return _OTHERS.sub("_", name).strip("_")


def _is_whole(of: tuple[str, str, str], name: str) -> bool:
    """Whether the tool's own name has come through unchanged; of the connection's enough."""
    return name.endswith(of[2]) and len(name) <= MOST and name[0].isalpha()


def _marked(name: str, of: tuple[str, str, str]) -> str:
    connection_id, _connection, tool = of
    digest = hashlib.sha256(f"{connection_id}\n{tool}".encode()).hexdigest()[:_DIGITS]
    start = name if name[0].isalpha() else f"t{name}"
    return f"{start[: MOST - _DIGITS - 1]}_{digest}"
