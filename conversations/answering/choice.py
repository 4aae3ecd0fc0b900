"""What a request chooses for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is to answer, and how. It is stored with the generation: ``Choice(**generation.choice)``.

    As a request has it, `provider` and `model` are names that may be missing; once the turn is
    opened they are what was found for them.
    """

    provider: str | None = None
    model: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    """What goes to the vendor as it is (``temperature``, …)."""
    usual: Mapping[str, Any] = field(default_factory=dict)
    """The same, where `params` says nothing and the model takes it."""
    context_messages: int | None = None
    """How many of the last messages the model gets, with the question; None: as many as fit."""

    knowledge_base_ids: Sequence[str] | None = None
    """Where to look for passages that answer the question; None: nobody said."""
    passages: int | None = None
    """How many of them to look for; None: as many as usual."""
    memory: bool | None = None
    """False: without what is known of the user; None: as the session has it."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
