"""The tools of servers, remembered for as long as the servers say: in this process alone."""

from __future__ import annotations

import time
from uuid import UUID

from providers.tools import breaker, connections
from providers.tools.errors import ToolServerResting
from providers.tools.server import Listing, Server
from rini.errors import RiniError
from rini.storage.database import in_database

_MOST = 1000
_known: dict[UUID, tuple[str, float, Listing]] = {}
"""By connection: the revision that was asked, until when it holds, what was answered."""


async def listing_of(server: Server, *, anew: bool = False) -> Listing:
    """The tools of a server, as remembered, or asked for `anew`; what came of asking is noted at
    the connection. Raises `ToolServerFailed` or `AddressRefused`."""
    revision, until, known = _known.get(server.connection_id, ("", 0.0, None))
    if not anew and known and revision == server.revision and time.monotonic() < until:
        return known
    from providers.tools import client  # late: the library takes most of a second

    try:
        with breaker.attempt(server, anyway=anew):
            found = await client.listed(server)
    except ToolServerResting:
        raise
    except RiniError as error:
        _known.pop(server.connection_id, None)
        await in_database(connections.note_failure, server, error)
        raise
    await in_database(connections.note_listing, server, found)
    if len(_known) >= _MOST:
        _known.clear()
    _known[server.connection_id] = (server.revision, time.monotonic() + found.seconds, found)
    return found
