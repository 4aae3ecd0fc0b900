"""Who wants to hear of callers that were not permitted what they asked for.

The floor answers them, and does not know what a security log is: who keeps one registers here.
"""

from __future__ import annotations

from collections.abc import Callable

from rini.errors import Forbidden, RiniError
from rini.storage.database import in_database

Hearer = Callable[[Forbidden], None]
_hearers: list[Hearer] = []


def register(hearer: Hearer) -> None:
    _hearers.append(hearer)


def tell(error: RiniError) -> None:
    """Tell of a refusal by permission; other errors are none. Needs the database."""
    if isinstance(error, Forbidden):
        for hearer in _hearers:
            hearer(error)


async def tell_soon(error: RiniError) -> None:
    """`tell` for async code."""
    if isinstance(error, Forbidden):
        await in_database(tell, error)
