"""A server of tools as Rini reaches it, and the tools that it lists."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson

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
    accepted_tools: Mapping[str, str] | None
    """The digests that tools had when they were accepted; None: they have never been listed."""

    def allows(self, tool: ListedTool) -> bool:
        return self.allowed_tools is None or tool.name in self.allowed_tools

    def is_changed(self, tool: ListedTool) -> bool:
        """Whether the server describes a tool other than it was accepted, or has added it."""
        return self.accepted_tools is not None and self.accepted_tools.get(tool.name) != tool.digest

    def needs_approval(self, tool: ListedTool) -> bool:
        if self.require_approval == "always" or self.is_changed(tool):
            return True
        return self.require_approval == "changing" and tool.changes

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

    @property
    def digest(self) -> str:
        """Another one as soon as the server describes the tool in another way."""
        told = orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(told).hexdigest()


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
