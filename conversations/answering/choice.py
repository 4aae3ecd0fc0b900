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
    filters: Mapping[str, Any] | None = None
    """What the documents' attributes have to be, as `knowledge.filters` has it."""
    min_score: float = 0.0
    """How well a passage has to fit, from 0 to 1."""
    tools: Sequence[str] | None = None
    """The names of Rini's own tools that the model may call; None: nobody said."""
    mcp_connection_ids: Sequence[str] | None = None
    """The connections whose tools it may call as well; None: nobody said."""
    max_steps: int | None = None
    """How often it may call tools and be told what came of it; None: once."""
    require_approval: str | None = None
    """Which calls wait for the user's yes, beside those that always do: ``never``, ``changing``,
    ``always``."""
    memory: bool | None = None
    """False: without what is known of the user; None: as the session has it."""
    fallbacks: Sequence[str] | None = None
    """The models to ask where this one does not answer; None: the operator's."""
    agent_id: str | None = None
    agent_version: int | None = None
    """The agent that answers, and its version; as a request has it, None is the one in use."""
    variables: Mapping[str, str] | None = None
    """What the request gives for the variables of the agent's system prompt."""
    system_prompt: str = ""
    """The agent's, with its variables filled in."""

    def instructions(self, own: str) -> str:
        """The system prompt: the agent's, and below it the conversation's `own`."""
        return "\n\n".join(part for part in (self.system_prompt, own) if part)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
