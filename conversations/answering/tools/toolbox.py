"""The tools of an answer: those of Rini that were named, and those of connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from conversations.answering.tools import built_in
from conversations.answering.tools.found import Numbered
from conversations.answering.turn import Turn
from providers.tools import connected
from providers.tools.tool import Tool

NEVER, CHANGING, ALWAYS = POLICIES = ("never", "changing", "always")
"""Which calls wait for their user's yes, by `Choice.require_approval`."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools by their names; `numbered` are the passages that they have found."""

    tools: Mapping[str, Tool]
    numbered: Numbered
    policy: str | None

    def offered(self) -> list[dict[str, Any]]:
        """The tools as a model is told them, in OpenAI's format."""
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.spec.name,
                    "description": tool.spec.description,
                    "parameters": tool.spec.parameters,
                },
            }
            for tool in self.tools.values()
        ]

    def must_wait(self, tool: Tool, *, told_foreign: bool) -> bool:
        """Whether a call waits for its user's yes. What a connection's owner has decided cannot be
        lifted by a request; and once the model has been told what others wrote, what changes
        something waits, unless the request says that nothing does."""
        spec = tool.spec
        asked = self.policy == ALWAYS or (self.policy == CHANGING and spec.changes)
        swayed = told_foreign and spec.changes and self.policy != NEVER
        return spec.needs_approval or asked or swayed


async def of(turn: Turn, numbered: Numbered) -> Toolbox | None:
    """The tools that a turn chooses; None where it chooses none."""
    choice = turn.choice
    ids = [UUID(id_) for id_ in choice.mcp_connection_ids or ()]
    if not (choice.tools or ids):
        return None
    tools: list[Tool] = built_in.of(turn, choice.tools or (), _bases(choice), numbered)
    if ids:
        tools += await connected.tools_of(turn.caller, ids)
    return Toolbox({tool.spec.name: tool for tool in tools}, numbered, choice.require_approval)


def _bases(choice: Any) -> Sequence[UUID] | None:
    ids = choice.knowledge_base_ids
    return None if ids is None else [UUID(id_) for id_ in ids]
