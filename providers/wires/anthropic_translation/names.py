"""Names of tools and ids of calls within Anthropic's alphabet, each unique, and back."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from itertools import count

MAX_NAME = 128
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")


class ToolNames:
    """The names of one request's tools: what fits stays as it is, ``a.b`` and ``a:b`` become
    ``a_b_…`` with a digest of their own. `original` has the way back."""

    def __init__(self) -> None:
        self.original: dict[str, str] = {}
        self._sent: dict[str, str] = {}

    def sent(self, name: str) -> str:
        """The name as the vendor gets it, the same every time."""
        if name not in self._sent:
            free = next(c for c in _candidates(name, MAX_NAME) if c not in self.original)
            self._sent[name], self.original[free] = free, name
        return self._sent[name]

    def told(self, name: str) -> str:
        """The client's name for one that the vendor says."""
        return self.original.get(name, name)


class CallIds:
    """The ids of one conversation's tool calls. A client may give the same one in every turn; the
    vendor wants each once, and results that name it."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._unanswered: dict[object, deque[str]] = {}

    def of_call(self, given: object) -> str:
        """The id for a call, never the same twice."""
        text = given if isinstance(given, str) and given else "call"
        free = next(c for c in _candidates(text, None) if c not in self._used)
        self._used.add(free)
        self._unanswered.setdefault(given, deque()).append(free)
        return free

    def of_result(self, given: object) -> str | None:
        """The id of the oldest unanswered call that a result names; None: there is none."""
        waiting = self._unanswered.get(given)
        return waiting.popleft() if waiting else None


def _candidates(text: str, limit: int | None) -> Iterator[str]:
    """`text` if it is within the alphabet, then always new texts that are like it."""
    clean = _NOT_ALLOWED.sub("_", text)
    if clean == text and text and (limit is None or len(text) <= limit):
        yield text
    for number in count():
        told = f"{number} {text}".encode(errors="surrogatepass")
        digest = hashlib.sha256(told).hexdigest()[:8]
        yield f"{clean[: limit - 9 if limit else None]}_{digest}"
