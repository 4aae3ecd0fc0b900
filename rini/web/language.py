"""The language that a caller reads, by ``Accept-Language``, for everything that answers it.

It is set once, before anything else knows of the request: endpoints, Django's views, threads of
`in_database` and the tasks of answers all take it from the context. Django's own middleware for it
would set it for Django's views alone.
"""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest
from django.utils import translation
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rini.translation import language, speaking


class Language:
    """ASGI middleware: sets the language, and names it where an answer has words for people.

    Those are errors and pages. Data (a model's answer, a list of sessions) is in no language of
    ours, and a cache may keep one for all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        values = (value for name, value in scope["headers"] if name == b"accept-language")
        header = next(values, b"")
        if not header:  # the default language, at no cost
            await self.app(scope, receive, _naming(send))
            return
        with speaking(_spoken(header)):
            await self.app(scope, receive, _naming(send))


def _naming(send: Send) -> Send:
    code = language()

    async def send_naming(message: Message) -> None:
        if message["type"] == "http.response.start" and _has_words(message):
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Language", code)
            headers.add_vary_header("Accept-Language")
        await send(message)

    return send_naming


def _has_words(message: Message) -> bool:
    return message["status"] >= 400 or any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in message.get("headers", ())
    )


@lru_cache(maxsize=1024)
def _spoken(header: bytes) -> str:
    """The first of the languages in the header that Rini speaks, else the default one."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = header.decode("latin-1")
    return translation.get_language_from_request(request)
