"""A server of tools as Rini reaches it, and the tools that it lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rini.secrets.secret import Secret


@dataclass(frozen=True, slots=True)
class Server:
    """What a connection says of a server."""

    connection_id: UUID
    revision: str
    """Another one after every change of the connection."""
    name: str
    url: str
    is_sse: bool
    """It speaks the older transport."""
    headers: Mapping[str, Secret]
    enabled: bool
    allowed_tools: frozenset[str] | None
    """Their names; None: all of them."""
    require_approval: str
    """Of `providers.models.Approval`."""

    def allows(self, tool: ListedTool) -> bool:
        return self.allowed_tools is None or tool.name in self.allowed_tools

    def needs_approval(self, tool: ListedTool) -> bool:
        return self.require_approval == "always" or (
            self.require_approval == "changing" and tool.changes
        )

    def scrub(self, text: str) -> str:
        """A text of the server's without the headers that it was sent."""
        for secret in self.headers.values():
            text = secret.scrub(text)
        return text


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server describes it."""

    name: str
    title: str
    description: str
    parameters: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None
    changes: bool
    """Unless the server says that it only reads. (A hint: nobody checks it.)"""
    is_repeatable: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """The tools of a server, and how it is spoken to."""

    tools: tuple[ListedTool, ...]
    era: str
    """The mode of `mcp.client.Client` in which the server need not be asked what it speaks."""
    protocol_version: str
    server_name: str
    seconds: float
    """For so long it may be remembered."""
