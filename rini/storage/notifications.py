"""Wake-ups between processes through PostgreSQL's NOTIFY. They carry ids and never text.

`notify` is part of the caller's transaction: it is heard after the commit, or never. A process
hears through one connection of its own, outside of the pool. Where that connection breaks, nothing
is lost but speed: everybody who waits is woken to look for themselves until there is a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import psycopg
import structlog

from rini.storage.database import connection_parameters
from rini.storage.loops import PerLoop
from rini.storage.statements import execute

RECONNECT_SECONDS = 1.0
PROBE_SECONDS = 15.0
CHANNEL = "rini"
_PAYLOAD_BYTES = 7000  # PostgreSQL allows just under 8000
log = structlog.get_logger(__name__)


def notify(topics: Iterable[str]) -> None:
    """Wake everybody who waits for one of `topics` once the current transaction is committed."""
    for payload in _payloads(topics):
        execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


def _payloads(topics: Iterable[str]) -> Iterator[str]:
    payload = ""
    for topic in topics:
        if len(payload) + len(topic) > _PAYLOAD_BYTES:
            yield payload
            payload = ""
        payload = f"{payload} {topic}" if payload else topic
    if payload:
        yield payload


class Listener:
    """The ear of one event loop. Started by the first who listens, it runs with the process."""

    def __init__(self) -> None:
        self._ears: dict[str, set[Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def listening(self, topic: str, wake: Callable[[], None]) -> Iterator[None]:
        """While in this block, call `wake` when `topic` was, or may have been, notified."""
        self._ears.setdefault(topic, set()).add(wake)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen(), name="listener")
        try:
            yield
        finally:
            self._ears[topic].discard(wake)
            if not self._ears[topic]:
                del self._ears[topic]

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear_until_broken()
            except (psycopg.Error, TimeoutError) as error:
                log.warning("listening connection broke", error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)
            self._wake_all()

    async def _hear_until_broken(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            **connection_parameters(), autocommit=True
        ) as ear:
            await ear.execute(f"LISTEN {CHANNEL}")
            self._wake_all()  # nobody has heard what was said before
            while True:
                async for notification in ear.notifies(timeout=PROBE_SECONDS):
                    for topic in notification.payload.split():
                        self._wake(topic)
                # To a connection that a network lost in silence nothing would ever be said again.
                async with asyncio.timeout(PROBE_SECONDS):
                    await ear.execute("SELECT 1")

    def _wake(self, topic: str) -> None:
        for wake in tuple(self._ears.get(topic, ())):
            wake()

    def _wake_all(self) -> None:
        for topic in tuple(self._ears):
            self._wake(topic)


listener = PerLoop(Listener)
