"""The web server: uvicorn, with what an API of long answers needs beside it.

    python -m rini.server --host 0.0.0.0 --port 8000
    python -m rini.server --fd 7        on a socket that another process listens on

Connections that are kept alive stay for longer than the clients' pools keep them (httpx: 5 s), or a
request now and then would meet one that is just being closed. After SIGTERM no connection is
accepted any more, and answers that are being written have `SHUTDOWN_GRACE_SECONDS` to end, whoever
reads them: over SSE, over a WebSocket, or nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import time

import uvicorn
from django.conf import settings

from rini.running import allocator
from rini.web import draining
from rini.web.connections.http import HttpConnection
from rini.web.connections.watch import State
from rini.web.connections.websocket import SocketConnection

LAST_WORDS_SECONDS = 0.2
"""How long readers have to get the end of an answer before their connection is closed."""


class Server(uvicorn.Server):
    """uvicorn's server, except that its end also waits for answers that no connection waits for."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state: State = State()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._watching = asyncio.create_task(self.server_state.watch.run())
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from conversations.answering import generation  # needs Django's apps

        began = time.monotonic()
        draining.begin()
        for server in self.servers:
            server.close()  # to new connections; those that are open go on
        ending = asyncio.create_task(generation.all_ended(settings.SHUTDOWN_GRACE_SECONDS))
        while not ending.done() and not self.force_exit:
            await asyncio.wait({ending}, timeout=0.1)
        ending.cancel()
        await asyncio.sleep(LAST_WORDS_SECONDS)
        rest = settings.SHUTDOWN_GRACE_SECONDS - (time.monotonic() - began)
        self.config.timeout_graceful_shutdown = max(1, round(rest))
        await super().shutdown(sockets)
        self._watching.cancel()


def main(application: str = "rini.asgi:application") -> None:
    parser = argparse.ArgumentParser(prog="python -m rini.server", description=__doc__)
    parser.add_argument("--host", default=settings.HOST)
    parser.add_argument("--port", type=int, default=settings.PORT)
    parser.add_argument("--fd", type=int, help="a listening socket, in place of host and port")
    options = parser.parse_args()
    allocator.give_back_freed()
    server = Server(
        uvicorn.Config(
            application,
            host=options.host,
            port=options.port,
            log_config=None,  # the logs are Rini's own (`rini.logs`)
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whose word on an address counts, `rini.web.client` decides
            timeout_keep_alive=settings.KEEP_ALIVE_SECONDS,
            http=HttpConnection,
            ws=SocketConnection,
            ws_per_message_deflate=False,
        )
    )
    # uvicorn's own `fd` would open it as a UNIX socket, on which asyncio sets no TCP_NODELAY: that
    # costs 40 ms a request on every connection that is kept alive.
    server.run(sockets=None if options.fd is None else [socket.socket(fileno=options.fd)])
    if not server.started:
        raise SystemExit(3)  # uvicorn's own status for this


if __name__ == "__main__":
    main()
