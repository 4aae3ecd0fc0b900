"""One transaction for everybody who waits.

Requests that want the same kind of work done in the database at the same time have it done
together: while one batch is under way, the next gathers, and goes on to for as long as the process
has other work to do: a transaction costs as much as several requests. A lone request does not wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from rini.errors import Unavailable
from rini.storage.loops import uninterrupted

Item = TypeVar("Item")
Result = TypeVar("Result")
LARGEST = 256
GATHERING = 0.02
"""Seconds that a batch gathers at most while the event loop is busy with others."""
IDLE = 0.00005
"""A turn of the event loop that took less, in seconds, had nothing else to do."""


class Batcher(Generic[Item, Result]):
    """Belongs to one event loop. `work` gets the items of a batch and returns their results in
    that order; a result that is an exception is raised to whom it belongs."""

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]
    ) -> None:
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """The result for `item`. If this is cancelled meanwhile, that takes effect afterwards."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name="batches")
        return await uninterrupted(future)

    async def drain(self) -> None:
        """Return when nothing is waiting or under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        try:
            while self._waiting:
                await self._gather()
                batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
                results = await self._results([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
        finally:  # of the event loop, or a bug: nobody may wait for ever
            for _, future in (*batch, *self._waiting):
                future.cancel()  # does nothing to one that has its result
            self._waiting = []

    async def _gather(self) -> None:
        began = turn_began = time.perf_counter()
        while True:
            await asyncio.sleep(0)  # at least everybody whom this turn of the loop makes ready
            now = time.perf_counter()
            is_idle = now - turn_began < IDLE
            if is_idle or now - began > GATHERING or len(self._waiting) >= LARGEST:
                return
            turn_began = now

    async def _results(self, items: list[Item]) -> Sequence[Result | Exception]:
        try:
            return await self._work(items)
        except Unavailable as error:
            return [error] * len(items)
        except Exception as error:
            # Whatever it was, those who wait have to hear of it; one that PostgreSQL does not
            # take (a NUL in a name) must not be the end of the others.
            if len(items) == 1:
                return [error]
        return [result for item in items for result in await self._results([item])]
