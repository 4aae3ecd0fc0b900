"""Endpoints outside of Django's request handler, for what is hot or streams.

An `Endpoint` is an ASGI application for one path. Its methods are named after HTTP's, take a
`Request` and return starlette's `Response`; errors become problem details here. It stands in
Channels' `URLRouter`, which gives it the path's arguments. Django's handler costs more than ten
times as much a request, because it hops between threads for its middleware.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from functools import cache
from typing import Any, ClassVar, TypeVar, cast

from django.conf import settings
from django.urls import URLPattern, re_path
from django.utils.translation import get_language
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rini.errors import InvalidInput, NotFound, RiniError, not_allowed, problem
from rini.translation import gettext as _
from rini.web import json_lines, refusals, request_log, sse, standing, strictness
from rini.web.api import PROBLEM_JSON, field_errors, known_error
from rini.web.once import answer_of, has_key, once
from rini.web.parsing import check_is_json, if_large_aside, parse_json, read_body
from rini.web.request_id import request_id

R = TypeVar("R")
Handler = Callable[[Request], Awaitable[Response]]


class Endpoint:
    """One path. Subclasses define ``async def get(self, request)``, ``post`` and so on."""

    tags: ClassVar[list[str]]
    """What it belongs to in the OpenAPI document."""
    methods: ClassVar[tuple[str, ...]] = ("get", "post", "put", "patch", "delete")
    is_repeatable: ClassVar[bool] = True
    """Whether an ``Idempotency-Key`` is honoured; not where people prove who they are."""

    template: str = ""
    """Its path as people write it, for logs and metrics; `route` sets it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_log.note(route=self.template or None)
        request = Request({**scope, "path_params": scope["url_route"]["kwargs"]}, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:
            # The boundary of the process: what is not known here is a bug, and becomes a 500.
            known = known_error(error)
            with suppress(RiniError):  # the answer matters more
                await refusals.tell_soon(known)
            response = self.error_response(known)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        if any("\x00" in argument for argument in request.path_params.values()):
            raise NotFound  # PostgreSQL keeps no NUL, so that nothing has such a name
        handler = self._handler(request)
        if self.is_repeatable and has_key(request.scope):
            return await once(self, handler, request)
        return await handler(request)

    def stream_again(self, name: str, request: Request) -> Response | None:
        """The stream of the generation of that id, for endpoints whose streams can be read again.

        (See `rini.web.once`.)
        """
        return None

    def _handler(self, request: Request) -> Handler:
        handlers: dict[str, Handler] = {
            method.upper(): getattr(self, method)
            for method in self.methods
            if hasattr(self, method)
        }
        if request.method == "HEAD" and "GET" in handlers:
            return handlers["GET"]
        if request.method not in handlers:
            raise not_allowed(str(request.method), handlers)
        return handlers[request.method]

    def error_response(self, error: RiniError) -> Response:
        """`error` in the shape of this API; dialects have their own."""
        return json_response(
            problem(error, request_id()),
            status=error.status,
            headers=error.headers,
            media_type=PROBLEM_JSON,
        )


class NothingHere(Endpoint):
    """For addresses of an API under which there is nothing: its clients read its errors too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = NotFound(
            _("There is no %(method)s %(path)s here; see /docs.")
            % {"method": scope["method"], "path": scope["path"]}
        )
        await self.error_response(error)(scope, receive, send)


class Whole(Endpoint):
    """An application that does not stream, Django's for instance, whose POSTs are done once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if has_key(scope):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def post(self, request: Request) -> Response:
        return await answer_of(self.app, request)


def route(pattern: str, application: Any) -> URLPattern:
    """A path and its ASGI application, for Channels' `URLRouter`. (Django's types know views.)"""
    if isinstance(application, Endpoint) and pattern:
        application.template = request_log.template_of(pattern)
    elif pattern:
        application = _named(request_log.template_of(pattern), application)
    return cast(URLPattern, re_path(pattern, application))


def _named(template: str, application: ASGIApp) -> ASGIApp:
    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        request_log.note(route=template)
        await application(scope, receive, send)

    return noting


def json_response(
    value: Any,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    return Response(json_lines.encoded(value), status, headers, media_type)


async def valid_body(
    serializer_class: type[Serializer[Any]],
    request: Request,
    *,
    optional: bool = False,
    takes_unknown: bool = False,
) -> dict[str, Any]:
    """The request's JSON as `serializer_class` reads it. An `optional` body that is missing is an
    empty object. Raises as `read_body`, `parse_json` and `validated`, and `UnsupportedMediaType`.
    """
    check_is_json(request)

    def read(body: bytes) -> dict[str, Any]:
        given = parse_json(body) if body or not optional else {}
        return validated(serializer_class, given, takes_unknown=takes_unknown)

    return await if_large_aside(await read_body(request), read)


def validated(
    serializer_class: type[Serializer[Any]],
    body: Any,
    *,
    is_form: bool = False,
    takes_unknown: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """`body` as `serializer_class` reads it; raises `InvalidInput` with the fields' messages.

    The one way to validate, for DRF's views too. Fields that nobody knows are refused, but for APIs
    that always read past them (`takes_unknown`). `options` are the serializer's: the `instance`
    that a body changes, `partial` where it may leave out what stays, its `context`.
    """
    if not isinstance(body, dict):
        raise InvalidInput(errors={"body": [_("Give a JSON object.")]})
    # A serializer with options holds its instance: those are made for one body.
    reader = serializer_class(**options) if options else _reader(serializer_class, get_language())
    wrong: dict[str, list[str]] = {}
    if is_form:
        body = strictness.without_empty(reader, body)
    else:
        body, wrong = strictness.reading(reader, body, takes_unknown=takes_unknown)
    try:
        fields = dict(reader.run_validation(body))
    except ValidationError as error:
        raise InvalidInput(errors=wrong | field_errors(error.detail)) from None
    if wrong:
        raise InvalidInput(errors=wrong)
    return fields


@cache
def _reader(serializer_class: type[Serializer[Any]], language: str | None) -> Serializer[Any]:
    """One for all requests of a language, in which its messages stay: making a serializer's fields
    takes longer than what they do."""
    return serializer_class()


async def unless_disconnected(request: Request, work: Awaitable[R]) -> R:
    """Await `work`, but cancel it and raise `ClientDisconnect` when the caller goes away, or the
    error that says why it has lost its right.

    For calls whose result nobody would get otherwise; the request's body must have been read.
    """
    gone = asyncio.ensure_future(_disconnected(request.receive))
    try:
        return await unless_lost(work, gone)
    finally:
        gone.cancel()


async def unless_lost(work: Awaitable[R], gone: asyncio.Future[None] | None = None) -> R:
    """Await `work`, but cancel it when the caller loses its right, and raise why; or when it is
    `gone`, and raise `ClientDisconnect`."""
    task = asyncio.ensure_future(work)
    with standing.losing() as lost:
        ends: set[asyncio.Future[Any]] = {task, lost, *((gone,) if gone else ())}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise lost.result() if lost.done() else ClientDisconnect
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _farewell(error: RiniError) -> bytes:
    body = {"type": "error", "problem": problem(error, request_id())}
    return sse.encode(json_lines.encoded(body), event="error")


class EventStream(Response):
    """Server-sent events. `frames` yields whole frames; it is closed when the reader goes, or loses
    its right: then `farewell` is the last frame, which says why.

    A comment line (`keepalive`; empty: nothing) goes out in silence, so that proxies keep the
    connection and a reader that has gone is noticed.
    """

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        headers: dict[str, str] | None = None,
        *,
        keepalive: bytes = sse.comment(),
        farewell: Callable[[RiniError], bytes] | None = None,
    ) -> None:
        super().__init__(
            status_code=200,
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **(headers or {})},
            media_type="text/event-stream",
        )
        del self.headers["content-length"]  # starlette takes a stream for an empty body
        self.frames = frames
        self.keepalive = keepalive
        self.farewell = farewell or _farewell
        self._last_sent = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        # Two tasks, because each waits for something else: for the model, and for the reader to go.
        sending = asyncio.create_task(self._send_frames(send))
        gone = asyncio.create_task(_disconnected(receive))
        with standing.losing() as lost:
            try:
                await self._keep_alive({sending, gone, lost}, send)
            finally:
                gone.cancel()
                sending.cancel()
                await asyncio.wait({sending, gone})
        if not sending.cancelled():
            sending.result()
        elif lost.done():
            last = {"type": "http.response.body", "body": self.farewell(lost.result())}
            await send(last)

    async def _send_frames(self, send: Send) -> None:
        async with aclosing(self.frames) as frames:
            async for frame in frames:
                self._last_sent = time.monotonic()
                await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _keep_alive(self, until: set[asyncio.Future[Any]], send: Send) -> None:
        silence = settings.STREAM_KEEPALIVE_SECONDS
        self._last_sent = time.monotonic()
        while True:
            rest = self._last_sent + silence - time.monotonic()
            done, _ = await asyncio.wait(
                until, timeout=max(rest, 0.01), return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return
            if time.monotonic() - self._last_sent >= silence:
                self._last_sent = time.monotonic()
                await send(
                    {"type": "http.response.body", "body": self.keepalive, "more_body": True}
                )
