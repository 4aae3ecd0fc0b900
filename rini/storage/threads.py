"""Threads for what takes long: as many at a time as the machine bears, and the others wait.

The database's own threads (`rini.storage.database`) are for what asks it and returns. What counts,
reads or hashes for longer would keep every other request from them.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings

from rini.errors import Unavailable
from rini.storage.database import with_connection
from rini.storage.loops import PerLoop
from rini.translation import gettext as _

P = ParamSpec("P")
R = TypeVar("R")


class Places:
    """`at_once` places. Whoever waits for one longer than `wait_seconds` is refused."""

    def __init__(self, at_once: int, wait_seconds: float) -> None:
        self._free = PerLoop(lambda: asyncio.Semaphore(at_once))
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """A place for as long as the body runs. Raises `Unavailable` where none is free in time."""
        free = self._free()
        try:
            async with asyncio.timeout(self._wait_seconds):
                await free.acquire()
        except TimeoutError:
            raise Unavailable(
                _("The server has too much to do: try again shortly."),
                code="too_busy",
                retry_after=1,
            ) from None
        try:
            yield
        finally:
            free.release()


class Threads:
    """`at_once` threads, and places at them."""

    def __init__(self, name: str, *, at_once: int, wait_seconds: float) -> None:
        self._executor = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._places = Places(at_once, wait_seconds)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function`, which may ask the database, and return what it returns.

        Raises `Unavailable` where no thread was free in time.
        """
        async with self._places.taken():
            context = contextvars.copy_context()
            work = partial(context.run, with_connection, partial(function, *args, **kwargs))
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)


LARGE = Threads(
    "large",
    at_once=settings.LARGE_REQUESTS_AT_ONCE,
    wait_seconds=settings.LARGE_REQUEST_WAIT_SECONDS,
)
"""For reading large bodies."""
PASSWORDS = Threads(
    "passwords",
    at_once=settings.PASSWORDS_AT_ONCE,
    wait_seconds=settings.PASSWORD_WAIT_SECONDS,
)
"""For what hashes passwords."""
