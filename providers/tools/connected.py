"""The tools of connections, as a model is offered them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from accounts.authentication import Caller
from providers.tools import breaker, connections
from providers.tools.errors import ToolServerResting
from providers.tools.listing import listing_of
from providers.tools.names import names_of
from providers.tools.server import ListedTool, Listing, Server
from providers.tools.tool import Tool, ToolResult, ToolSpec
from rini.errors import RiniError
from rini.storage.database import in_database

log = structlog.get_logger(__name__)


async def tools_of(caller: Caller, connection_ids: Sequence[UUID]) -> list[Tool]:
    """The tools of these connections that are allowed, in the order of the connections.

    Raises `NotFound` unless the caller may see every connection. One that is switched off, or whose
    server does not answer, has none: why stands at the connection, as its `last_error`.
    """
    servers = await in_database(connections.servers, caller.user, connection_ids)
    enabled = [server for server in servers if server.enabled]
    listings = await asyncio.gather(*map(_listing, enabled))
    found = [
        (server, listing, tool)
        for server, listing in zip(enabled, listings, strict=True)
        if listing is not None
        for tool in listing.tools
        if server.allows(tool)
    ]
    names = names_of([(str(s.connection_id), s.name, tool.name) for s, _listing, tool in found])
    return [
        ConnectedTool(server, listing.era, tool, _spec(server, tool, name))
        for (server, listing, tool), name in zip(found, names, strict=True)
    ]


async def _listing(server: Server) -> Listing | None:
    try:
        return await listing_of(server)
    except RiniError as error:
        log.warning(
            "a connection has no tools", connection=str(server.connection_id), reason=error.code
        )
        return None


def _spec(server: Server, tool: ListedTool, name: str) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=tool.description or tool.title or tool.name,
        parameters=tool.parameters,
        changes=tool.changes,
        is_repeatable=tool.is_repeatable,
        needs_approval=server.needs_approval(tool),
    )


@dataclass(frozen=True, slots=True)
class ConnectedTool:
    """A tool of a server that somebody has connected."""

    server: Server
    era: str
    listed: ListedTool
    spec: ToolSpec

    async def call(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Have the server do it, within its deadline: once, and once more after a failure only if
        the server says that this does no harm."""
        from providers.tools import client, results  # late: the library takes most of a second

        for attempt in range(2):
            try:
                with breaker.attempt(self.server):
                    answer = await client.called(self.server, self.era, self.listed.name, arguments)
            except ToolServerResting as error:
                return results.failed(error.detail)
            except RiniError as error:
                if attempt or not self.spec.is_repeatable:
                    await in_database(connections.note_failure, self.server, error)
                    return results.failed(error.detail)
            else:
                return await results.result_of(self.listed, answer)
        raise AssertionError("two attempts end in a result")
