"""Django as an ASGI application, with what its own handler lacks for an API.

A body is refused as soon as it is larger than its caller may send, not after it has been stored; a
body that comes in chunks, without a length, is not taken for an empty one by REST framework; and no
database connection waits for whoever reads the answer.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from starlette.datastructures import Headers

from rini.errors import TooLarge, Unavailable, UnsupportedMediaType
from rini.storage.threads import Places
from rini.web import body_limit, request_log
from rini.web.api import problem_response
from rini.web.parsing import check_is_plain

LIVENESS = "/livez"


class Request(ASGIRequest):
    """A request whose ``Host`` has been looked at already, by `rini.web.hosts`: Django's own look
    does not know containers' names, which may have an underscore."""

    def get_host(self) -> str:
        host: str = self._get_raw_host()  # type: ignore[attr-defined]  # the stubs lack it
        return host


class DjangoApplication(ASGIHandler):
    request_class = Request

    def __init__(self, is_known: Callable[[Mapping[str, str]], Awaitable[bool]]) -> None:
        """`is_known` says by a request's headers whether its caller may send a large body."""
        super().__init__()
        self._is_known = is_known
        self._places = Places(
            settings.DJANGO_REQUESTS_AT_ONCE, settings.DJANGO_REQUEST_WAIT_SECONDS
        )

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            headers = Headers(scope=scope)
            check_is_plain(headers)
            length = body_limit.announced(scope)
            may_be_large = length is None or length > settings.MAX_ANONYMOUS_BYTES
            # Django reads the whole body before a view finds out whose it is.
            if may_be_large and await self._is_known(headers):
                body_limit.admit()
            await super().handle(scope, receive, send)
        except (TooLarge, Unavailable, UnsupportedMediaType) as error:
            await self.send_response(problem_response(error), send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.rstrip("/") == LIVENESS:  # that it is busy does not mean that it is dead
            return await self._response(request)
        async with self._places.taken():
            return await self._response(request)

    async def _response(self, request: HttpRequest) -> HttpResponseBase:
        response = await super().get_response_async(request)
        # The answer may take its reader minutes: other requests need the connection meanwhile.
        await sync_to_async(connections.close_all)()
        if request.resolver_match:
            request_log.note(route=request_log.template_of(request.resolver_match.route))
        return response

    @classmethod
    def chunk_bytes(cls, data: Any) -> Iterator[tuple[Any, bool]]:
        """In one piece: the request is over then, and what waits for its reader is the server's,
        which bounds it (`rini.web.connections.watch`)."""
        yield data, True

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        made = super().create_request(scope, body_file)
        if made[0] is not None and "CONTENT_LENGTH" not in made[0].META:
            made[0].META["CONTENT_LENGTH"] = str(body_file.seek(0, os.SEEK_END))
            body_file.seek(0)
        return made
