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
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, ParamSpec, Self, TypeVar
from uuid import UUID, uuid4

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

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=models.Model)
M_co = TypeVar("M_co", bound=models.Model, covariant=True)

log = structlog.get_logger(__name__)
_threads = ThreadPoolExecutor(
    max_workers=settings.DATABASE_POOL_SIZE or 10, thread_name_prefix="database"
)


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run sync database code in a thread of its own connection and return what it returns.

    Raises `Unavailable` where the database cannot be reached.
    """
    context = contextvars.copy_context()
    work = partial(context.run, _with_connection, partial(function, *args, **kwargs))
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


class WrittenOnce(Generic[M]):
    """A query that Django writes once and not with every call: that takes it longer than it takes
    PostgreSQL to answer.

    `query` makes it for some ids. A query that locks has to be called in a transaction.
    """

    def __init__(self, query: Callable[..., models.QuerySet[M]]) -> None:
        self._query = query
        self._written: tuple[type[M], str, list[Any]] | None = None

    def __call__(self, *ids: UUID) -> list[M]:
        """The rows for these ids."""
        self._written = self._written or self._write(len(ids))
        model, sql, parameters = self._written
        values = [ids[p.place] if isinstance(p, _Id) else p for p in parameters]
        return list(model._base_manager.raw(sql, values))

    def _write(self, count: int) -> tuple[type[M], str, list[Any]]:
        stand_ins = [uuid4() for _ in range(count)]
        rows = self._query(*stand_ins)
        sql, parameters = rows.query.sql_with_params()
        marked = [_Id(stand_ins.index(p)) if p in stand_ins else p for p in parameters]
        return rows.model, sql, marked


@dataclass(frozen=True, slots=True)
class _Id:
    """Stands for one of the ids that a query is called with."""

    place: int


def columns(row: models.Model) -> dict[str, Any]:
    """A row by its columns, as PostgreSQL's ``json_populate_record`` takes it."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def connection_parameters() -> dict[str, Any]:
    """What psycopg takes for a connection of one's own, outside of Django's pool."""
    parameters = connection.get_connection_params()
    of_django = {"cursor_factory", "context", "pool"}
    return {name: value for name, value in parameters.items() if name not in of_django}


def _with_connection(function: Callable[[], R]) -> R:
    close_old_connections()
    try:
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
