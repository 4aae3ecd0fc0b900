"""One transaction for everybody who waits.

Requests that want the same kind of work done in the database at the same time have it done
together: while one batch is under way, the next gathers. A lone request does not wait for others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from rini.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
LARGEST = 256


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
        """The result for `item`. It is worked on even if this is cancelled meanwhile."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name="batches")
        return await future

    async def drain(self) -> None:
        """Return when nothing is waiting or under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # everybody whom this turn of the loop makes ready
            batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            results = await self._results([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

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
