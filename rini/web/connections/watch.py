"""Ends connections that take too long: looked for once a second, so no request pays for a timer."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog
from django.conf import settings
from uvicorn.server import ServerState

from rini.running import allocator
from rini.web.connections import places
from rini.web.connections.transport import Transport

SECONDS = 1.0
log = structlog.get_logger(__name__)


class Watched(Protocol):
    transport: Transport

    def check(self, now: float) -> None:
        """End the connection if its sender takes too long."""
        ...


class Watch:
    """The open connections of a process."""

    def __init__(self) -> None:
        self.places = places.of_this_process()
        self._open: dict[Transport, tuple[Watched, str]] = {}

    def opened(self, connection: Watched, address: str) -> bool:
        """Watch a connection from now on; whether there is a place for it."""
        if not self.places.take(address):
            return False
        self._open[connection.transport] = (connection, address)
        return True

    def changed(self, connection: Watched) -> None:
        """The connection speaks another protocol from now on."""
        _, address = self._open[connection.transport]
        self._open[connection.transport] = (connection, address)

    def lost(self, transport: Transport) -> None:
        if found := self._open.pop(transport, None):
            self.places.give_back(found[1])
        if transport.written > allocator.LARGE:
            allocator.note_large()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SECONDS)
            self.check(loop.time())
            allocator.tidy()

    def check(self, now: float) -> None:
        for transport, (connection, address) in list(self._open.items()):
            if transport.stalled_for(now) > settings.STALLED_READER_SECONDS:
                log.info("cut off a reader that took nothing", address=address)
                transport.abort()
            elif transport.lingers_too_long(now):
                transport.abort()
            elif not transport.is_closing():
                connection.check(now)
        self._bound_unsent(now)

    def _bound_unsent(self, now: float) -> None:
        """Cut off readers, those who have taken nothing for longest first, while too much waits."""
        waiting = sum(transport.unsent for transport in self._open)
        if waiting <= settings.MAX_UNSENT_BYTES:
            return
        slowest = sorted(self._open, key=lambda transport: -transport.stalled_for(now))
        for transport in slowest:
            if waiting <= settings.MAX_UNSENT_BYTES:
                return
            if transport.unsent:
                waiting -= transport.unsent
                log.info("cut off a reader: too much waits", address=self._open[transport][1])
                transport.abort()


class State(ServerState):
    """What the connections of a uvicorn server share, with who watches them."""

    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch()
