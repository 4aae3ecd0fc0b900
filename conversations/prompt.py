"""What a model is told: pure assembly of a conversation into OpenAI's chat format.

The prefix stays the same from turn to turn, so that vendors' prompt caches hit: first the system
prompt, then the turns as they were, and the new one last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from providers.types import ChatMessage


class Turn(Protocol):
    """What the assembly reads of a stored message."""

    role: str
    content: str


def assemble(system_prompt: str, history: Iterable[Turn]) -> list[ChatMessage]:
    """The messages for the vendor; turns without any text (failed answers) are left out."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    turns = [{"role": turn.role, "content": turn.content} for turn in history if turn.content]
    return [*system, *turns]
