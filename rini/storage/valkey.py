"""The clients of Valkey: one for sync code, and one of each event loop for async code.

Valkey counts and hands on, and holds nothing that must not be lost: who needs it waits `SECONDS` at
most, and says what cannot be done meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis import asyncio as redis_asyncio

from rini.errors import Unavailable
from rini.storage.loops import PerLoop

SECONDS = 2.0
"""How long a connection or an answer may take."""


@cache
def client() -> redis.Redis:
    """For every thread. After a fork it opens connections of its own."""
    return redis.Redis.from_url(settings.REDIS_URL, **_patience())


async_client: PerLoop[redis_asyncio.Redis] = PerLoop(
    lambda: redis_asyncio.Redis.from_url(settings.REDIS_URL, **_patience())
)
"""That of the running event loop."""


@contextmanager
def needed(detail: str) -> Iterator[None]:
    """A block that talks to Valkey. Raises `Unavailable` with `detail` where that is away."""
    try:
        yield
    except redis.RedisError as error:
        raise Unavailable(detail) from error


class Script:
    """A script in Lua, which Valkey runs as one step."""

    def __init__(self, text: str) -> None:
        self._of_loop = PerLoop(lambda: async_client().register_script(text))
        self._of_process = cache(lambda: client().register_script(text))

    async def run(self, keys: Sequence[str], arguments: Sequence[int]) -> Any:
        return await self._of_loop()(keys, arguments)

    def run_now(self, keys: Sequence[str], arguments: Sequence[int]) -> Any:
        """`run` for sync code."""
        return self._of_process()(keys, arguments)


def answers() -> bool:
    """Whether it does."""
    try:
        client().ping()
    except redis.RedisError:
        return False
    return True


def _patience() -> dict[str, Any]:
    return {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
