"""What a Claude model takes, by the version in its name.

Anthropic's documents tell it a version at a time ("Claude 4.7 and later"): thinking and effort at
https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting, system messages at
…/mid-conversation-system-messages. A Claude without a version is a new one; a model of another
name, behind an address that speaks Anthropic's format, takes what the format began with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_VERSION = re.compile(r"claude-(?:[a-z]+-)*(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_NEWEST = (99, 0)
_PLAIN = (4, 5)
_OLD_LIMIT = 4096
_LIMIT = 64_000


@dataclass(frozen=True, slots=True)
class Claude:
    thinks_adaptively: bool
    """Thinks as much as it needs, steered by an effort; others by a budget of tokens."""
    efforts: frozenset[str]
    samples: bool
    """Takes ``temperature``, ``top_p`` and ``top_k``."""
    hears_system_midway: bool
    """Takes system messages among the others."""
    usual_max_tokens: int
    """The most that every model of the version can answer, for want of a better number."""


@lru_cache(maxsize=1000)
def claude(model: str) -> Claude:
    version = _version(model)
    efforts = {"low", "medium", "high", "max"} | ({"xhigh"} if version >= (4, 7) else set())
    return Claude(
        thinks_adaptively=version >= (4, 6),
        efforts=frozenset(efforts),
        samples=version < (4, 7),
        hears_system_midway=version >= (4, 8) and "preview" not in model,
        usual_max_tokens=_LIMIT if version >= (4, 5) and "claude" in model else _OLD_LIMIT,
    )


def _version(model: str) -> tuple[int, int]:
    if found := _VERSION.search(model):
        return int(found[1]), int(found[2] or 0)
    return _NEWEST if "claude" in model else _PLAIN
