"""Asking the servers of connections: it waits for them, so it stands outside of Django."""

from __future__ import annotations

import time
from uuid import UUID

from drf_spectacular.utils import extend_schema
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import caller_of
from providers.tools import connections
from providers.tools.listing import listing_of
from providers.tools.serializers import ConnectionTest, ToolSerializer
from providers.tools.server import Server
from rini.errors import RiniError
from rini.storage.database import in_database
from rini.web.api_schema import problems
from rini.web.http import Endpoint, json_response, unless_disconnected


class ConnectionTools(Endpoint):
    """``GET /mcp-connections/{id}/tools``"""

    tags = ["tools"]

    @extend_schema(
        summary="List the tools of a connection",
        responses={200: ToolSerializer(many=True), **problems(400, 401, 404, 502, 503)},
    )
    async def get(self, request: Request) -> Response:
        """The tools that its server has, as it describes them; remembered for some minutes."""
        server = await _server(request)
        listing = await unless_disconnected(request, listing_of(server))
        return json_response(
            [
                {
                    "name": tool.name,
                    "title": tool.title,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "changes": tool.changes,
                    "is_repeatable": tool.is_repeatable,
                    "is_allowed": server.allows(tool),
                    "needs_approval": server.needs_approval(tool),
                    "is_changed": server.is_changed(tool),
                    "digest": tool.digest,
                }
                for tool in listing.tools
            ]
        )


class TestConnection(Endpoint):
    """``POST /mcp-connections/{id}/test``"""

    tags = ["tools"]

    @extend_schema(
        summary="Test a connection to tools",
        request=None,
        responses={200: ConnectionTest, **problems(401, 404)},
    )
    async def post(self, request: Request) -> Response:
        """Ask the server for its tools, and tell clearly what is wrong if it does not answer."""
        server = await _server(request)
        begun = time.monotonic()
        told: dict[str, object] = dict.fromkeys(ConnectionTest().fields)
        try:
            listing = await unless_disconnected(request, listing_of(server, anew=True))
        except RiniError as error:
            told |= {"ok": False, "detail": error.detail, "code": error.code}
        else:
            told |= {
                "ok": True,
                "server_name": listing.server_name,
                "protocol_version": listing.protocol_version,
                "tool_count": len(listing.tools),
            }
        return json_response({**told, "took_ms": round((time.monotonic() - begun) * 1000)})


async def _server(request: Request) -> Server:
    caller = await caller_of(request.headers)
    wanted = [UUID(request.path_params["connection_id"])]
    [server] = await in_database(connections.servers, caller.user, wanted)
    return server
