"""Answers of the database that change seldom and are asked for with every request."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """`ask(key)`, remembered for some seconds in this process.

    A change is seen by the process that makes it once it calls `forget`, by the others after
    `seconds`. At most `most` answers are kept.
    """

    def __init__(self, ask: Callable[[K], V], *, seconds: float, most: int = 1000) -> None:
        self._ask = ask
        self._seconds = seconds
        self._most = most
        self._answers: dict[K, tuple[float, V]] = {}

    def __call__(self, key: K) -> V:
        now = time.monotonic()
        answered = self._answers.get(key)
        if answered is None or now - answered[0] >= self._seconds:
            if len(self._answers) >= self._most:
                self._answers.clear()
            answered = self._answers[key] = (now, self._ask(key))
        return answered[1]

    def forget(self) -> None:
        self._answers.clear()
