"""Django as an ASGI application, with what its own handler lacks for an API.

A body is refused as soon as it is larger than allowed, not after it has been stored; and a body
that comes in chunks, without a length, is not taken for an empty one by REST framework.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from starlette.types import Message, Receive, Scope

from rini.errors import TooLarge
from rini.web import request_log
from rini.web.api import problem_response
from rini.web.parsing import check_size


class Request(ASGIRequest):
    """A request whose ``Host`` has been looked at already, by `rini.web.hosts`: Django's own look
    does not know containers' names, which may have an underscore."""

    def get_host(self) -> str:
        host: str = self._get_raw_host()  # type: ignore[attr-defined]  # the stubs lack it
        return host


class DjangoApplication(ASGIHandler):
    request_class = Request

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            check_size(_announced(scope))
            await super().handle(scope, _limited(receive), send)
        except TooLarge as error:
            await self.send_response(problem_response(error), send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        response = await super().get_response_async(request)
        if request.resolver_match:
            request_log.note(route=request_log.template_of(request.resolver_match.route))
        return response

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        made = super().create_request(scope, body_file)
        if made[0] is not None and "CONTENT_LENGTH" not in made[0].META:
            made[0].META["CONTENT_LENGTH"] = str(body_file.seek(0, os.SEEK_END))
            body_file.seek(0)
        return made


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _limited(receive: Receive) -> Receive:
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        check_size(size)
        return message

    return receive_limited
