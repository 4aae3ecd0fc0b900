"""What the answer to the current request rests on: its caller's right, which may be lost meanwhile.

The floor does not know callers: whoever finds out who is calling says here how to hear of the loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from rini.errors import RiniError

Lost = asyncio.Future[RiniError]
Losing = Callable[[], AbstractContextManager[Lost]]
_current: ContextVar[Losing | None] = ContextVar("standing", default=None)


def rest_on(losing: Losing) -> None:
    """Have the current request rest on a right. Within the context that `losing` gives, its future
    gets the error that says why the right is lost, once it is."""
    _current.set(losing)


@contextmanager
def losing() -> Iterator[Lost]:
    """The error by which the current request's right is lost, once it is. Of a request that rests
    on nothing it never is."""
    known = _current.get()
    if known is None:
        yield asyncio.get_running_loop().create_future()
        return
    with known() as lost:
        yield lost
