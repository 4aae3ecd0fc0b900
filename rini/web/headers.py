"""What every answer tells browsers about itself: what it may load, who may frame it, what it is.

An answer of the API is data: nothing may be loaded for it, and nothing may frame it. Pages may load
what Rini itself serves. Answers that say something stricter of themselves keep it.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DATA = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
_PAGE = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# Swagger UI and Redoc write their styles into the page, and Redoc searches in a worker.
_DOCUMENTATION = f"{_PAGE}; style-src 'self' 'unsafe-inline'; worker-src blob:"
_PAGES = (
    (re.compile(r"/admin(/|$)"), _PAGE),
    (re.compile(r"/(docs|redoc)/?$"), _DOCUMENTATION),
)
_HTML = b"text/html"
Header = tuple[bytes, bytes]


class SafeHeaders:
    """ASGI middleware. `hsts` is for how many seconds browsers are to come by TLS alone; 0: they
    are not told to."""

    def __init__(self, app: ASGIApp, *, hsts: int) -> None:
        self.app = app
        self.always: list[Header] = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
        ]
        if hsts:
            value = f"max-age={hsts}".encode()
            self.always.append((b"strict-transport-security", value))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._with(scope["path"], message["headers"])}
            await send(message)

        await self.app(scope, receive, send_safely)

    def _with(self, path: str, headers: list[Header]) -> list[Header]:
        given = {name.lower(): value for name, value in headers}
        ours = [*self.always, (b"content-security-policy", _policy(path, given).encode())]
        return [*headers, *(header for header in ours if header[0] not in given)]


def _policy(path: str, given: dict[bytes, bytes]) -> str:
    if given.get(b"content-type", b"").startswith(_HTML):
        return next((policy for form, policy in _PAGES if form.match(path)), _PAGE)
    return DATA
