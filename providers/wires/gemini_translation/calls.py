"""Calls of tools and their results, put together by the ids that the client gave them."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import NamedTuple


class Called(NamedTuple):
    id: str
    """As it is sent to the vendor: unique in the conversation."""
    name: str


class Calls:
    """The calls of one conversation. A client may give one id several times; each result then
    belongs to the oldest of these calls that has none yet."""

    def __init__(self) -> None:
        self._sent: set[str] = set()
        self._waiting: dict[str, deque[Called]] = {}

    def called(self, given_id: str, name: str) -> Called:
        candidates = (f"{given_id}_{number}" if number else given_id for number in count())
        call = Called(next(c for c in candidates if c not in self._sent), name)
        self._sent.add(call.id)
        self._waiting.setdefault(given_id, deque()).append(call)
        return call

    def answered(self, given_id: str) -> Called | None:
        """The call that a result with this id belongs to, or None."""
        waiting = self._waiting.get(given_id)
        return waiting.popleft() if waiting else None
