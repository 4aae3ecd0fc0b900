"""The id of the request that is being served: in every answer, every log line and every problem."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_current: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._-]{8,64}")


def request_id() -> str:
    """The current request's id; outside of a request (a task, a command) the empty text."""
    return _current.get()


class RequestId:
    """ASGI middleware: takes the caller's ``X-Request-ID`` if it is a sane one, else makes one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        identity = _given(scope["headers"]) or uuid.uuid4().hex
        token = _current.set(identity)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = identity
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=identity):
                await self.app(scope, receive, send_with_id)
        finally:
            _current.reset(token)


def _given(headers: Any) -> str | None:
    for name, value in headers:
        if name == b"x-request-id" and _ACCEPTABLE.fullmatch(value):
            return str(value, "ascii")
    return None
