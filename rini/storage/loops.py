"""What asyncio leaves out: things of one loop each, and work that a cancellation waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """``PerLoop(Thing)()`` is the running loop's Thing."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def __call__(self) -> T:
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            self._made[loop] = self._make()
        return self._made[loop]


async def uninterrupted(work: Awaitable[T]) -> T:
    """Await `work` to its end even if the awaiting task is cancelled; that takes effect then."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):  # one is enough
                await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # nobody else will look at it
        raise
