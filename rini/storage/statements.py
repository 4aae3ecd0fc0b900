"""Reading and writing rows where it is hot: Django takes longer to write a statement, and to make
objects of what it brings, than PostgreSQL takes to do it. These are parsed once a connection.

They name their columns (`names`): while a migration adds one, processes from before serve on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, cast
from uuid import UUID, uuid4

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model, QuerySet
from django.db.transaction import TransactionManagementError
from psycopg import sql

from rini.storage.postgres.base import DatabaseWrapper

M = TypeVar("M", bound=Model)
Parameters = Sequence[Any] | Mapping[str, Any]


def execute(statement: str | sql.Composable, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a statement; the rows that it brings.

    A text is prepared. One that was put together for this call (of psycopg's `sql`) is not: each
    would push another out of those that a connection keeps.
    """
    database = cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])
    is_lasting = isinstance(statement, str)
    with database.prepared_cursor() if is_lasting else database.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def execute_once(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """`execute` for a text that was put together for this call."""
    return execute(sql.SQL(statement), parameters)


def selected(model: type[M], statement: str, parameters: Parameters = ()) -> list[M]:
    """The rows of a statement that selects the `names` of `model`."""
    read = _reader(model)
    return [read(row) for row in execute(statement, parameters)]


def names(model: type[Model], table: str = "") -> str:
    """The columns of `model`, for a statement; of `table`, where it reads several."""
    return ", ".join(
        f"{table}.{field.attname}" if table else field.attname
        for field in model._meta.concrete_fields
    )


def columns(row: Model) -> dict[str, Any]:
    """A row by its columns, as PostgreSQL's ``json_populate_record`` takes it."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


class WrittenOnce(Generic[M]):
    """A query that Django writes once and not with every call. `query` makes it for some ids."""

    def __init__(self, query: Callable[..., QuerySet[M]]) -> None:
        self._query = query
        self._written: _Written[M] | None = None

    def __call__(self, *ids: UUID) -> list[M]:
        """The rows for these ids. A query that locks raises outside of a transaction."""
        self._written = self._written or self._write(len(ids))
        written = self._written
        if written.locks and connection.get_autocommit():
            raise TransactionManagementError("select_for_update outside of a transaction")
        values = [ids[p.place] if isinstance(p, _Id) else p for p in written.parameters]
        return selected(written.model, written.statement, values)

    def _write(self, count: int) -> _Written[M]:
        stand_ins = [uuid4() for _ in range(count)]
        rows = self._query(*stand_ins)
        statement, parameters = rows.query.sql_with_params()
        marked = [_Id(stand_ins.index(p)) if p in stand_ins else p for p in parameters]
        return _Written(rows.model, statement, marked, rows.query.select_for_update)


@dataclass(frozen=True, slots=True)
class _Written(Generic[M]):
    model: type[M]
    statement: str
    parameters: Sequence[Any]
    locks: bool


@dataclass(frozen=True, slots=True)
class _Id:
    """Stands for one of the ids that a query is called with."""

    place: int


@cache
def _reader(model: type[M]) -> Callable[[Sequence[Any]], M]:
    """What makes an object of a row with the columns of `names`."""
    fields = model._meta.concrete_fields
    attributes = [field.attname for field in fields]
    converters = [
        (at, convert)
        for at, field in enumerate(fields)
        for convert in field.get_db_converters(connection)
    ]

    def read(row: Sequence[Any]) -> M:
        values = list(row)
        for at, convert in converters:
            values[at] = convert(values[at], None, connection)
        return model.from_db(DEFAULT_DB_ALIAS, attributes, values)

    return read
