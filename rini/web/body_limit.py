"""How much of a body is taken in: little before its caller is known, and not too much of all.

Whoever finds out who is calling says so with `admit`. Until then `MAX_ANONYMOUS_BYTES` are all that
any route can read, whichever it is: the limit is in the way of the bytes, not in the routes.
"""

from __future__ import annotations

from contextvars import ContextVar

from django.conf import settings
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rini.errors import TooLarge, Unavailable
from rini.running import allocator
from rini.translation import gettext as _
from rini.translation import gettext_noop

SMALL = 64 * 1024
"""Bodies up to here are not counted together: reading one costs nothing."""
_admitted: ContextVar[bool] = ContextVar("admitted", default=False)
_held = 0


class TooManyBodies(Unavailable):
    code = "too_many_large_requests"
    detail = gettext_noop("Too many large requests are being answered: try again shortly.")


def admit() -> None:
    """The caller of the current request is known, and may send as much as anybody."""
    _admitted.set(True)


def check_size(size: int) -> None:
    """Raise `TooLarge` for a body of more bytes than the current request may have."""
    if size > settings.MAX_REQUEST_BYTES:
        raise TooLarge(
            _("The body has more than %(bytes)s bytes.") % {"bytes": settings.MAX_REQUEST_BYTES}
        )
    if size > settings.MAX_ANONYMOUS_BYTES and not _admitted.get():
        raise TooLarge(
            _("The body has more than %(bytes)s bytes, which only callers with a token may send.")
            % {"bytes": settings.MAX_ANONYMOUS_BYTES}
        )


def announced(scope: Scope) -> int | None:
    """The length of a request's body; None where it does not say."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    length = headers.get(b"content-length", b"0")
    return int(length[:20]) if length.isdigit() else 0


class BodyLimit:
    """ASGI middleware; what it raises reaches whoever reads a body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive)
        token = _admitted.set(False)
        try:
            await self.app(scope, body.receive, send)
        finally:
            body.let_go()
            _admitted.reset(token)


class _Body:
    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._announced = announced(scope) or 0
        self._receive = receive
        self._size = self._held = 0

    async def receive(self) -> Message:
        if not self._size and self._announced:
            check_size(self._announced)
            self._hold(self._announced)
        message = await self._receive()
        if piece := message.get("body"):
            self._size += len(piece)
            check_size(self._size)
            self._hold(self._size)
        return message

    def let_go(self) -> None:
        global _held  # noqa: PLW0603  # the process's memory
        if self._held > allocator.LARGE:
            allocator.note_large()
        _held -= self._held
        self._held = 0

    def _hold(self, size: int) -> None:
        global _held  # noqa: PLW0603  # the process's memory
        more = size - self._held
        if size <= SMALL or more <= 0:
            return
        # A body that is alone may be as large as any.
        if _held and _held + more > settings.MAX_BODIES_BYTES:
            raise TooManyBodies(retry_after=1)
        _held += more
        self._held = size
