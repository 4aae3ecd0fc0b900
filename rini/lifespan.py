"""What a web process does when it starts and before it ends (ASGI's lifespan protocol)."""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import suppress

import structlog
from django.contrib.auth.password_validation import get_default_password_validators
from starlette.types import Receive, Scope, Send

from billing import holds
from conversations.answering import generation
from providers import access, token_counts
from providers.wires import registry
from rini import metrics
from rini.errors import Unavailable
from rini.running import exposure
from rini.storage import heartbeat
from rini.storage.database import in_database

log = structlog.get_logger(__name__)


class Lifespan:
    """At the end, answers that are still being written are saved as `interrupted`.

    A process that is killed, or served by a server without lifespan, leaves that to the reaper.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if exposure.SAID not in os.environ:
                    for line in exposure.lines():
                        log.warning(f"open: {line}")
                await _warm_up()
                await send({"type": "lifespan.startup.complete"})
            else:
                # In this order: ending answers settles their holds, while the wires are still open.
                await generation.interrupt_all()
                with suppress(TimeoutError):  # what cannot be settled now is swept later
                    async with asyncio.timeout(5):
                        await holds.drain()
                await registry.close_all()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _warm_up() -> None:
    """Do beforehand what the first request would wait for."""
    asyncio.get_running_loop().run_in_executor(
        None, token_counts.count, ""
    )  # reads a big vocabulary
    with suppress(Unavailable):  # a database that is away is for the first requests to report
        await in_database(heartbeat.process_id)
        if await in_database(access.needs_litellm):  # whose import takes ten seconds
            asyncio.get_running_loop().run_in_executor(None, registry.load_litellm)
    await asyncio.to_thread(metrics.forget_old)
    # Otherwise each of those who sign up at once at first would read the list of bad passwords.
    await asyncio.to_thread(get_default_password_validators)
    gc.collect()
    # What is loaded stays. A full collection that looks at it stops everything for up to 0.3 s.
    gc.freeze()
