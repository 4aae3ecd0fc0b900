"""Servers that fail again and again are left alone for a while, so that nobody waits for them.

Of each connection by itself, in this process alone: one user's wrong headers say nothing of a
server that others reach.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from providers.tools.errors import ToolServerFailed, ToolServerResting
from providers.tools.server import Server
from rini.translation import gettext as _

_FAILURES = 3
"""In a row, after which it rests."""
_FIRST_SECONDS = 15.0
"""The first rest; each that follows is twice as long …"""
_MOST_SECONDS = 300.0
"""… up to this."""
_MOST_SERVERS = 1000


@dataclass(slots=True)
class _Failing:
    revision: str
    failures: int = 0
    until: float = 0.0
    """It rests until then, by the clock of `time.monotonic`."""

    def rest(self) -> None:
        rests = self.failures - _FAILURES
        if rests >= 0:
            seconds = min(_FIRST_SECONDS * 2 ** min(rests, 10), _MOST_SECONDS)
            self.until = time.monotonic() + seconds


_failing: dict[UUID, _Failing] = {}


@contextmanager
def attempt(server: Server, *, anyway: bool = False) -> Iterator[None]:
    """What is done within is an exchange with the server. Raises `ToolServerResting` while the
    server is left alone, unless it is to be asked `anyway`.

    After its rest one exchange is let through: it ends the rests, or begins the next.
    """
    known = _failing.get(server.connection_id)
    if known is None or known.revision != server.revision:
        known = _Failing(server.revision)
    left = known.until - time.monotonic()
    if left > 0 and not anyway:
        raise ToolServerResting(
            _(
                "%(name)s has failed %(times)s times in a row. It is asked again in %(left)d "
                "seconds."
            )
            % {"name": server.name, "times": known.failures, "left": left + 1},
            retry_after=left,
        )
    known.rest()  # the others wait for what comes of this one, even if it is given up
    try:
        yield
    except ToolServerFailed:
        known.failures += 1
        known.rest()
        if len(_failing) >= _MOST_SERVERS:
            _failing.clear()
        _failing[server.connection_id] = known
        raise
    _failing.pop(server.connection_id, None)
