"""The bridge between async code and the database, and who may see which rows.

Database code is sync and transactional. Async code calls it through `in_database`, which runs it
on a bounded pool of threads and gives the connection back before it returns, so that no connection
is held while tokens flow.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, Self, TypeVar

import structlog
from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
    models,
)

from rini.errors import Unavailable
from rini.translation import speaking

P = ParamSpec("P")
R = TypeVar("R")
M_co = TypeVar("M_co", bound=models.Model, covariant=True)

log = structlog.get_logger(__name__)
# Our own: by asgiref all tasks would share one thread, and wait for each other's queries. There are
# as many as connections: more would only wait for one.
_threads = ThreadPoolExecutor(
    max_workers=settings.DATABASE_POOL_SIZE or 10, thread_name_prefix="database"
)


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run sync database code in a thread of its own connection and return what it returns.

    Raises `Unavailable` where the database cannot be reached.
    """
    context = contextvars.copy_context()
    work = partial(context.run, with_connection, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


async def in_database_patiently(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """As `in_database`, but while the database is away it waits and tries again.

    For what must not get lost. `function` must be safe to repeat: a commit may have succeeded
    though its answer got lost.
    """
    pause = 0.1
    while True:
        try:
            return await in_database(function, *args, **kwargs)
        except Unavailable:
            log.warning("waiting for the database", waiting=getattr(function, "__name__", ""))
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)


def give_back() -> None:
    """Give this thread's connection back before something that takes long; the next query gets
    another. Within a transaction it does nothing."""
    if not connection.in_atomic_block:
        connection.close()


def connection_parameters() -> dict[str, Any]:
    """What psycopg takes for a connection of one's own, outside of Django's pool."""
    parameters = connection.get_connection_params()
    of_django = {"cursor_factory", "context", "pool"}
    return {name: value for name, value in parameters.items() if name not in of_django}


def with_connection(function: Callable[[], R]) -> R:
    """What `function` returns; afterwards the thread has no connection. Raises `Unavailable`."""
    close_old_connections()
    try:
        with speaking():
            return function()
    except (OperationalError, InterfaceError) as error:
        raise Unavailable from error
    finally:
        connections.close_all()


class OwnedQuerySet(models.QuerySet[M_co]):
    """Rows that belong to a user through their column ``user``."""

    def visible_to(self, user: models.Model) -> Self:
        """The rows that `user` may see: every query that serves a user goes through here."""
        return self.filter(user_id=user.pk)
