"""Where the current request comes from.

A caller's address is the other end of its connection. Of a proxy in `TRUSTED_PROXIES` it is what
that proxy says in ``X-Forwarded-For``: the last address there that is no trusted proxy itself.
What anybody else says of it in a header is thrown away, so that nothing behind here believes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]
LOOPBACK = ip_address("127.0.0.1")
_FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded")
_current: ContextVar[str] = ContextVar("address", default="")
_notes: ContextVar[dict[str, Any] | None] = ContextVar("notes", default=None)


def address() -> str:
    """The current caller's IP address; empty outside of a request, and for a UNIX socket."""
    return _current.get()


def notes() -> dict[str, Any]:
    """What else is found out about the current request, for whoever asks later in it, in whatever
    thread; outside of a request nothing is remembered."""
    known = _notes.get()
    return {} if known is None else known


class Client:
    """ASGI middleware: from here on ``scope["client"]`` and `address` are the caller's."""

    def __init__(self, app: ASGIApp, trusted: Networks) -> None:
        self.app = app
        self.trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        scope = self._seen(scope)
        client = scope.get("client")
        token = _current.set(client[0] if client and _parsed(client[0]) else "")
        notes_token = _notes.set({})
        try:
            await self.app(scope, receive, send)
        finally:
            _current.reset(token)
            _notes.reset(notes_token)

    def _seen(self, scope: Scope) -> Scope:
        if not any(name in _FORWARDED for name, _ in scope["headers"]):
            return scope
        peer = _peer(scope)
        if peer is None or not self._is_trusted(peer):
            headers = [pair for pair in scope["headers"] if pair[0] not in _FORWARDED]
            client = (str(peer), 0) if peer else scope.get("client")
            return {**scope, "headers": headers, "client": client}
        return {**scope, "client": (str(self._forwarded(scope) or peer), 0)}

    def _forwarded(self, scope: Scope) -> Address | None:
        """The caller's address by the trusted proxies: each appends whom it was called by."""
        forwarded = b",".join(
            value for name, value in scope["headers"] if name == b"x-forwarded-for"
        )
        known: Address | None = None
        for text in reversed(forwarded.decode("latin-1").split(",")):
            parsed = _parsed(text.strip())
            if parsed is None:
                break
            known = parsed
            if not self._is_trusted(parsed):
                break
        return known

    def _is_trusted(self, known: Address) -> bool:
        return any(known in network for network in self.trusted)


def _peer(scope: Scope) -> Address | None:
    client = scope.get("client")
    if client is None:
        return None
    # uvicorn believes the loopback by itself unless it is told not to, and leaves no port then.
    return LOOPBACK if client[1] == 0 else _parsed(client[0])


def _parsed(text: str) -> Address | None:
    """An address, with or without a port and brackets; IPv4 that IPv6 carries is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
