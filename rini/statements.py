"""Reading and writing rows where it is hot: Django takes longer to write a statement, and to make
objects of what it brings, than PostgreSQL takes to do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def selected(model: type[M], statement: str, parameters: Sequence[Any]) -> list[M]:
    """The rows that a statement selects; it has to select every column of `model`."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        read = _reader(model, tuple(column.name for column in cursor.description or ()))
        return [read(row) for row in cursor.fetchall()]


def columns(row: Model) -> dict[str, Any]:
    """A row by its columns, as PostgreSQL's ``json_populate_record`` takes it."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


class WrittenOnce(Generic[M]):
    """A query that Django writes once and not with every call.

    `query` makes it for some ids. A query that locks has to be called in a transaction.
    """

    def __init__(self, query: Callable[..., QuerySet[M]]) -> None:
        self._query = query
        self._written: tuple[type[M], str, list[Any]] | None = None

    def __call__(self, *ids: UUID) -> list[M]:
        """The rows for these ids."""
        self._written = self._written or self._write(len(ids))
        model, statement, parameters = self._written
        values = [ids[p.place] if isinstance(p, _Id) else p for p in parameters]
        return selected(model, statement, values)

    def _write(self, count: int) -> tuple[type[M], str, list[Any]]:
        stand_ins = [uuid4() for _ in range(count)]
        rows = self._query(*stand_ins)
        statement, parameters = rows.query.sql_with_params()
        marked = [_Id(stand_ins.index(p)) if p in stand_ins else p for p in parameters]
        return rows.model, statement, marked


@dataclass(frozen=True, slots=True)
class _Id:
    """Stands for one of the ids that a query is called with."""

    place: int


@cache
def _reader(model: type[M], names: tuple[str, ...]) -> Callable[[Sequence[Any]], M]:
    """What makes an object of a row with columns of these names."""
    fields = model._meta.concrete_fields
    attributes = [field.attname for field in fields]
    places = [names.index(attribute) for attribute in attributes]
    converters = [
        (at, convert)
        for at, field in enumerate(fields)
        for convert in field.get_db_converters(connection)
    ]

    def read(row: Sequence[Any]) -> M:
        values = [row[place] for place in places]
        for at, convert in converters:
            values[at] = convert(values[at], None, connection)
        return model.from_db(DEFAULT_DB_ALIAS, attributes, values)

    return read
