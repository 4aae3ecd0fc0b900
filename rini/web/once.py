"""Requests with an ``Idempotency-Key`` are done once: the hook of every endpoint.

Such a request runs to its end though its caller goes away, and the retry gets its answer. A stream
that names its generation (``X-Generation-ID``) is kept as that name, from its first byte on: a
retry reads the same generation again. Of other streams nothing is kept: they end with their reader,
and a retry asks the model anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.module_loading import import_string
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rini.storage.database import in_database, in_database_patiently
from rini.storage.loops import uninterrupted
from rini.web import idempotency
from rini.web.idempotency import Kept, KeyedRequest
from rini.web.parsing import read_body

HEADER = "idempotency-key"
REPLAYED = {"Idempotency-Replayed": "true"}
STREAM_NAME = "x-generation-id"
NOT_KEPT = {"content-length", "set-cookie"}
Handler = Callable[[Request], Awaitable[Response]]
log = structlog.get_logger(__name__)


class Resuming(Protocol):
    """What an endpoint says of its streams."""

    def stream_again(self, name: str, request: Request) -> Response | None:
        """The stream of that name from its beginning; None if it cannot be read again."""
        ...


def has_key(scope: Scope) -> bool:
    """Whether a request is one to be done once."""
    return scope["method"] == "POST" and any(
        name == HEADER.encode() for name, _ in scope["headers"]
    )


async def once(endpoint: Resuming, handler: Handler, request: Request) -> ASGIApp:
    """The answer to a request with a key: `handler`'s, or the one that it has got before.

    Raises what `idempotency.claim` does, and what `handler` does: then nothing is kept.
    """
    owner = await _owner(request.headers)  # first: it decides how much may be read
    body = await read_body(request)
    keyed = idempotency.keyed(
        request.headers[HEADER], owner, request.method, _address(request), body
    )
    if kept := await in_database(idempotency.claim, keyed):
        return _again(endpoint, kept, request)
    try:
        response = await handler(Request(request.scope, _lasting(body)))
    except BaseException:
        await _forget(keyed)
        raise
    return await _remembered(endpoint, keyed, request, response)


async def answer_of(app: ASGIApp, request: Request) -> Response:
    """The whole answer of an ASGI application that does not stream."""
    head: Message = {}
    body = bytearray()

    async def collect(message: Message) -> None:
        head.update(message if message["type"] == "http.response.start" else {})
        body.extend(message.get("body", b""))

    await app(request.scope, request.receive, collect)
    response = Response(bytes(body), head["status"])
    # Django writes names in capitals, and starlette looks for small ones.
    response.raw_headers = [(name.lower(), value) for name, value in head["headers"]]
    return response


async def _owner(headers: Mapping[str, str]) -> tuple[UUID | None, str]:
    """Whose request it is, as `settings.REQUEST_OWNER` finds it (the floor knows no accounts): the
    user, None without a valid token, and what spoke for the user."""
    find: Callable[[Mapping[str, str]], Awaitable[tuple[UUID | None, str]]]
    find = import_string(settings.REQUEST_OWNER)
    return await find(headers)


def _address(request: Request) -> str:
    return f"{request.url.path.rstrip('/')}?{request.url.query}"


def _lasting(body: bytes) -> Receive:
    """Gives the body that was read, and then never says that the caller is gone."""
    delivered = False

    async def receive() -> Message:
        nonlocal delivered
        if delivered:
            await asyncio.Event().wait()
        delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _remembered(
    endpoint: Resuming, keyed: KeyedRequest, request: Request, response: Response
) -> ASGIApp:
    """Keep the answer before it goes out, so that whoever has seen it can have it again."""
    if response.status_code >= 400:
        await _forget(keyed)
        return response
    is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
    name = response.headers.get(STREAM_NAME, "") if is_stream else ""
    if is_stream and not (name and endpoint.stream_again(name, request)):
        return _Unkept(response, keyed)
    headers = {k: v for k, v in response.headers.items() if k not in NOT_KEPT}
    body = b"" if is_stream else bytes(response.body)
    kept = None if _holds_secret(response) else Kept(response.status_code, headers, body, name)
    await uninterrupted(in_database_patiently(idempotency.keep, keyed, kept))
    return response


def _holds_secret(response: Response) -> bool:
    """Whether the answer says that nobody is to keep it, as those with secrets do."""
    return "no-store" in response.headers.get("cache-control", "")


def _again(endpoint: Resuming, kept: Kept, request: Request) -> ASGIApp:
    stream = endpoint.stream_again(kept.stream, request) if kept.stream else None
    response = stream or Response(kept.body, kept.status, dict(kept.headers))
    response.headers.update(REPLAYED)
    return response


async def _forget(keyed: KeyedRequest) -> None:
    await uninterrupted(in_database_patiently(idempotency.release, keyed))


class _Unkept:
    """A stream whose request is being done for as long as it flows, and forgotten then."""

    def __init__(self, response: Response, keyed: KeyedRequest) -> None:
        self.response = response
        self.keyed = keyed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.response(scope, receive, send)
        finally:
            await _forget(self.keyed)
