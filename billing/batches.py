"""One transaction for everybody who waits.

Requests that want the same kind of work done in the database at the same time have it done
together: while one batch is under way, the next gathers. A lone request does not wait for others;
where many come, a batch gathers a little longer, because its transaction costs as much as they do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from rini.errors import Unavailable
from rini.loops import uninterrupted

Item = TypeVar("Item")
Result = TypeVar("Result")
LARGEST = 256
MANY = 16
"""So many requests …"""
MANY_WITHIN = 0.08
"""… within so many seconds are many, and then a batch gathers for so many seconds:"""
GATHERING = 0.02


class Batcher(Generic[Item, Result]):
    """Belongs to one event loop. `work` gets the items of a batch and returns their results in
    that order; a result that is an exception is raised to whom it belongs."""

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]
    ) -> None:
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._came_at: deque[float] = deque(maxlen=MANY)
        self._task: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """The result for `item`. If this is cancelled meanwhile, that takes effect afterwards."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        self._came_at.append(loop.time())
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name="batches")
        return await uninterrupted(future)

    async def drain(self) -> None:
        """Return when nothing is waiting or under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._waiting:
            # At least everybody whom this turn of the loop makes ready.
            await asyncio.sleep(GATHERING if self._come_many() else 0)
            batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            results = await self._results([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _come_many(self) -> bool:
        first_of_many = self._came_at[0] if len(self._came_at) == MANY else float("-inf")
        return asyncio.get_running_loop().time() - first_of_many < MANY_WITHIN

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
