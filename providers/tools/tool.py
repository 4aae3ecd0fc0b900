"""What a tool is, wherever it comes from: a part of Rini, or a server that a user has connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool, and what may be done with it."""

    name: str
    """As the model calls it: unique in an answer, of ``[a-zA-Z0-9_-]``, at most 64 characters."""
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of its arguments, an object's."""
    changes: bool = True
    """It may change something, somewhere: it may be made to wait for a user's approval."""
    needs_approval: bool = False
    """Where it comes from, it has been decided that its calls wait for a user's approval."""
    is_repeatable: bool = False
    """Calling it twice with the same arguments does no harm: only then it is called again after
    a failure, or after the process died that called it."""
    is_foreign: bool = True
    """What it gives may have been written by others, who want to sway the model."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call; it is data for the model, whatever it says."""

    text: str
    is_error: bool = False
    structured: Any = None
    """The same as JSON, where the tool gives it."""


class Tool(Protocol):
    """Something that a model may call."""

    @property
    def spec(self) -> ToolSpec: ...

    async def call(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Do it. What goes wrong with the tool is a result with `is_error`, which the model reads;
        it raises only what is a defect of Rini's. It has its own limits of time and size."""
        ...
