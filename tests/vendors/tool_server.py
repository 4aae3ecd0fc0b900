"""Servers of tools, in a process of their own: `python -m tests.vendors.tool_server PORT`.

    /mcp            the official server: both eras of the protocol
    /legacy         the same, as it was before the era without sessions
    /sse            the same, by the older transport
    /hostile/<how>  one that hangs, floods, lies …: see `hostile_tools`
    /seen           what came: [{"path", "method", "authorization"}]

Its libraries change the logging of the process that they are in.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import EmbeddedResource, ImageContent, TextContent, TextResourceContents
from mcp_types import ToolAnnotations as Hints
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.vendors.hostile_tools import hostile

seen: list[dict[str, str]] = []
_notes: list[str] = []


def official() -> MCPServer[Any]:
    server: MCPServer[Any] = MCPServer("사내 위키", log_level="ERROR")

    @server.tool(annotations=Hints(read_only_hint=True))
    def search_pages(query: str) -> str:
        """위키에서 찾습니다."""
        return f"「{query}」: 연차 휴가는 십오 일"

    @server.tool(name="ページを書く", annotations=Hints(title="書く"))
    def write_page(text: str) -> str:
        """ページを書きます。"""
        _notes.append(text)
        return f"{len(_notes)} 页"

    @server.tool()
    def picture() -> list[Any]:
        """그림을 그립니다."""
        page = TextResourceContents(uri="wiki://1", text="第一页", mime_type="text/plain")
        return [
            TextContent(text="여기 그림"),
            ImageContent(data="aGVsbG8=", mime_type="image/png"),
            EmbeddedResource(resource=page),
        ]

    @server.tool(annotations=Hints(idempotent_hint=True))
    def weather(city: str) -> dict[str, float]:
        """某地的气温。"""
        return {city: 21.5}

    @server.tool()
    def refuse() -> str:
        """Always fails."""
        raise ToolError("오늘은 쉽니다")

    return server


class Servers:
    def __init__(self) -> None:
        self._modern = official().streamable_http_app()
        self._legacy = official().streamable_http_app(streamable_http_path="/legacy")
        self._sse = official().sse_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        if path == "/seen":
            await JSONResponse(seen)(scope, receive, send)
            return
        body = await _body(receive) if scope["method"] == "POST" else b""
        method = json.loads(body).get("method", "") if body else ""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        told = {"path": path, "method": method or scope["method"]}
        seen.append({**told, "authorization": headers.get("authorization", "")})
        if path == "/legacy" and method == "server/discover":
            await JSONResponse({"error": "Bad Request"}, 400)(scope, receive, send)
            return
        app = self._app(path)
        await app(scope, _again(body, receive) if body else receive, send)

    def _app(self, path: str) -> ASGIApp:
        if path.startswith("/hostile/"):
            return hostile
        if path == "/legacy":
            return self._legacy
        return self._sse if path.startswith(("/sse", "/messages")) else self._modern

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with contextlib.AsyncExitStack() as stack:
            for app in (self._modern, self._legacy):
                await stack.enter_async_context(app.router.lifespan_context(app))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that has been read, to be read."""

    async def messages() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": body, "more_body": False}
        while True:
            yield await receive()

    return messages().__anext__


if __name__ == "__main__":
    uvicorn.run(Servers(), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
