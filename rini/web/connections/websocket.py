"""A WebSocket within limits: of its messages, before and after its caller is known.

Nothing is compressed: a message of kilobytes could open to one of gigabytes, and what models write
token by token shrinks little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from rini.web.connections.watch import State

ADMIT = "rini.admit"
"""The ASGI extension by which an application says that it knows its caller."""
MAX_FRAGMENTS = 1024


class SocketConnection(WebSocketsSansIOProtocol):
    transport: Any

    def __init__(
        self, config: Config, server_state: State, app_state: dict[str, Any], **options: Any
    ) -> None:
        super().__init__(config, server_state, app_state, **options)
        self.watch = server_state.watch

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.conn.max_message_size = settings.MAX_ANONYMOUS_BYTES
        self.watch.changed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.watch.lost(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            self.transport.throw_away(data)
        else:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """For a message that is too long, for instance: its rest is on the way."""
        self.transport.is_half_read = True
        super().handle_parser_exception()

    def check(self, now: float) -> None:
        """uvicorn's pings find out who is gone, and the application who does not authenticate."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        scope: Scope | None = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][ADMIT] = self._admit

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= MAX_FRAGMENTS:  # empty ones cost memory too, and never end
            self.transport.abort()
            return
        super().handle_cont(event)

    def pause_writing(self) -> None:
        """Who takes nothing is not listened to: each of its pings would be answered into memory."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def _admit(self) -> None:
        self.conn.max_message_size = settings.MAX_SOCKET_MESSAGE_BYTES


def admit(scope: Scope) -> None:
    """Take longer messages from now on: the caller is known. Under other servers there is nothing
    to do: they have one limit for all."""
    admitted: Callable[[], None] | None = scope.get("extensions", {}).get(ADMIT)
    if admitted:
        admitted()
