"""Servers of tools are spoken to by the official client of the Model Context Protocol.

Both eras: with sessions (to 2025-11-25) and without (from 2026-07-28). Each exchange has a
connection of its own, a deadline, and a bound of bytes. Import this module late: the library takes
most of a second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import httpx2
from django.conf import settings
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    HEADER_MISMATCH,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    Implementation,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from providers.extent import excess
from providers.tools import watching
from providers.tools.failures import explained
from providers.tools.server import ListedTool, Listing, Server
from providers.tools.watching import Watch
from rini.text import storable, storable_value

T = TypeVar("T")
_ME = Implementation(name="rini", version="1")
_GOODBYE_SECONDS = 2.0
"""A server that has answered may end its session for so long."""
_REMEMBERED_SECONDS = 300.0
"""A server of the older era does not say how long its list holds."""
_MOST_REMEMBERED_SECONDS = 3600.0
_MOST_PAGES = 100
_MOST_TOOLS = 1000
_MOST_CHARACTERS = 10_000
"""Of a tool's description."""
_SCHEMA_BOUNDS = {"depth": 32, "values": 5_000, "size": 64 * 1024}
_RESULT: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(
    CallToolResult | InputRequiredResult
)


async def listed(server: Server) -> Listing:
    """The tools of a server. Raises `ToolServerFailed` or `AddressRefused`."""

    async def ask(client: Client) -> Listing:
        version = client.protocol_version
        is_modern = version in MODERN_PROTOCOL_VERSIONS
        tools: list[Tool] = []
        cursor: str | None = None
        for __ in range(_MOST_PAGES):
            page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
            tools += page.tools
            cursor = page.next_cursor
            if not cursor or len(tools) >= _MOST_TOOLS:
                break
        described = client.server_info
        return Listing(
            tools=tuple(_described(tool) for tool in tools[:_MOST_TOOLS] if _is_bounded(tool)),
            era=version if is_modern else "legacy",
            protocol_version=version,
            server_name=storable((described.title or described.name) if described else "")[:200],
            seconds=_holds(page) if is_modern else _REMEMBERED_SECONDS,
        )

    return await _exchange(server, ask, seconds=settings.MCP_LIST_SECONDS, era="auto")


async def called(
    server: Server, era: str, tool: str, arguments: Mapping[str, Any]
) -> CallToolResult | InputRequiredResult:
    """What a tool answers, unchecked. Raises `ToolServerFailed` or `AddressRefused`."""
    request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=dict(arguments)))

    # Not by `client.call_tool`: it lists the tools anew each time, and checks the answer against a
    # schema of the server's, whose patterns may take hours (`providers.tools.structure`).
    async def ask(client: Client) -> CallToolResult | InputRequiredResult:
        try:
            return await client.session.send_request(request, _RESULT)
        except MCPError as error:
            if error.code != HEADER_MISMATCH:
                raise
        # Nothing was done: it wants some of the arguments as headers, and its list says which.
        await client.session.list_tools()
        return await client.session.send_request(request, _RESULT)

    return await _exchange(server, ask, seconds=settings.MCP_CALL_SECONDS, era=era)


async def _exchange(
    server: Server, ask: Callable[[Client], Awaitable[T]], *, seconds: float, era: str
) -> T:
    answers: list[T] = []
    failure: Exception | None = None
    with anyio.move_on_after(seconds) as scope:
        watch = Watch(
            seconds=seconds,
            most=settings.MCP_ANSWER_BYTES,
            vital=frozenset({"GET", "POST"} if server.is_sse else {"POST"}),
            give_up=scope.cancel,
        )
        headers = {name: value.reveal() for name, value in server.headers.items()}
        try:
            http = watching.client(headers, watch)
            async with Client(
                _streams(server, http, seconds), mode=era, cache=None, client_info=_ME
            ) as client:
                answers.append(await ask(client))
                scope.deadline = min(scope.deadline, anyio.current_time() + _GOODBYE_SECONDS)
        except Exception as error:  # a server chooses what the library makes of its answers
            failure = error
    if answers:
        return answers[0]
    raise explained(server, watch, failure) from failure


@asynccontextmanager
async def _streams(server: Server, http: httpx2.AsyncClient, seconds: float) -> AsyncIterator[Any]:
    """The library's transport to a server, over a client of ours, which it closes."""

    def ours(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        return http

    if server.is_sse:
        async with sse_client(server.url, httpx_client_factory=ours) as streams:
            yield streams
    else:
        transport = streamable_http_client(
            server.url, http_client=http, max_sse_event_size=settings.MCP_ANSWER_BYTES
        )
        async with http, transport as streams:
            yield streams


def _holds(page: ListToolsResult) -> float:
    return min(page.ttl_ms / 1000, _MOST_REMEMBERED_SECONDS)


def _is_bounded(tool: Tool) -> bool:
    """Whether a model can be told of it: a schema may stand for gigabytes."""
    schemas = (tool.input_schema, tool.output_schema)
    return not any(excess(schema, **_SCHEMA_BOUNDS) for schema in schemas)


def _described(tool: Tool) -> ListedTool:
    hints = tool.annotations
    only_reads = bool(hints and hints.read_only_hint)
    return ListedTool(
        name=storable(tool.name),
        title=storable(tool.title or (hints and hints.title) or "")[:200],
        description=storable(tool.description or "")[:_MOST_CHARACTERS],
        parameters=storable_value({"type": "object", **tool.input_schema}),
        output_schema=tool.output_schema and storable_value(tool.output_schema),
        changes=not only_reads,
        is_repeatable=only_reads or bool(hints and hints.idempotent_hint),
    )
