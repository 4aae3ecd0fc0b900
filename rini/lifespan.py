"""What a web process does when it starts and before it ends (ASGI's lifespan protocol)."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from conversations import generation
from providers import tokens
from providers.wires import registry


class Lifespan:
    """At the end, answers that are still being written are saved as `interrupted`.

    A process that is killed, or served by a server without lifespan, leaves that to the reaper.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await asyncio.to_thread(tokens.count, "")  # reads the vocabulary: half a second
                await send({"type": "lifespan.startup.complete"})
            else:
                await generation.interrupt_all()
                await registry.close_all()
                await send({"type": "lifespan.shutdown.complete"})
                return
