"""Answers that change seldom and are asked for often, remembered for some seconds.

In this process alone: a change is seen by the process that makes it once it calls `forget`, by the
others when the seconds are over. What could not be found out (an exception) is not remembered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from rini.storage.loops import PerLoop

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """`ask(key)`, remembered. At most `most` answers are kept."""

    def __init__(self, ask: Callable[[K], V], *, seconds: float, most: int = 1000) -> None:
        self._ask = ask
        self._answers: _Answers[K, V] = _Answers(seconds, most)

    def __call__(self, key: K) -> V:
        known = self._answers.of(key)
        return known[0] if known else self._answers.keep(key, self._ask(key))

    def forget(self) -> None:
        self._answers.forget()


class RememberedAsync(Generic[K, V]):
    """`await ask(key)`, remembered. Of several on one event loop who want the same, one asks."""

    def __init__(
        self, ask: Callable[[K], Awaitable[V]], *, seconds: float, most: int = 1000
    ) -> None:
        self._ask = ask
        self._answers: _Answers[K, V] = _Answers(seconds, most)
        self._asking: PerLoop[dict[K, asyncio.Lock]] = PerLoop(dict)

    async def __call__(self, key: K) -> V:
        if known := self._answers.of(key):
            return known[0]
        locks = self._asking()
        async with locks.setdefault(key, asyncio.Lock()):
            try:
                known = self._answers.of(key)  # somebody else may have asked meanwhile
                return known[0] if known else self._answers.keep(key, await self._ask(key))
            finally:
                locks.pop(key, None)

    def forget(self) -> None:
        self._answers.forget()


class _Answers(Generic[K, V]):
    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._answers: dict[K, tuple[float, V]] = {}

    def of(self, key: K) -> tuple[V] | None:
        """The answer, in a tuple: it may be None itself."""
        answered = self._answers.get(key)
        if answered is None or time.monotonic() - answered[0] >= self._seconds:
            return None
        return (answered[1],)

    def keep(self, key: K, answer: V) -> V:
        if key not in self._answers and len(self._answers) >= self._most:
            self._answers.clear()
        self._answers[key] = (time.monotonic(), answer)
        return answer

    def forget(self) -> None:
        self._answers.clear()
