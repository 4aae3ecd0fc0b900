"""Lists of rows as OpenAI pages them: newest first, from behind a row or up to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from rini.dialects.vector_stores import ids
from rini.errors import InvalidInput
from rini.translation import gettext as _
from rini.web import query

Json = dict[str, Any]
_MOST, _USUAL = 100, 20


class Row(Protocol):
    created_at: datetime

    @property
    def pk(self) -> UUID: ...


M = TypeVar("M", bound=Model)


def page_of(
    rows: QuerySet[M],
    source: query.Source,
    shown: Callable[[Sequence[M]], list[Json]],
    *,
    kind: str,
    found_by: Callable[[UUID], Q] = lambda id_: Q(pk=id_),
    most: int = _MOST,
    usual: int = _USUAL,
) -> Json:
    """The part of `rows` that ``limit``, ``order``, ``after`` and ``before`` ask for, as `shown`
    makes JSON of it. Ids of a `kind` name the rows that are `found_by` them.

    Raises `InvalidInput`.
    """
    limit = query.whole(source, "limit", least=1, most=most) or usual
    newest_first = query.choice(source, "order", ("asc", "desc")) != "asc"

    def cursor(name: str) -> Any:
        given = query.text(source, name)
        if given is None:
            return None
        id_ = ids.read(kind, given)
        row = rows.filter(found_by(id_)).first() if id_ else None
        if row is None:
            raise InvalidInput(errors={name: [_("There is no such item.")]})
        return row

    after, before = cursor("after"), cursor("before")
    if after is not None:
        rows = rows.filter(_beyond(after, newer=not newest_first))
    if before is not None:
        rows = rows.filter(_beyond(before, newer=newest_first))
    backwards = before is not None and after is None
    signs = ("-created_at", "-pk") if newest_first != backwards else ("created_at", "pk")
    found = list(rows.order_by(*signs)[: limit + 1])
    page = found[:limit]
    if backwards:
        page.reverse()
    data = shown(page)
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > limit,
    }


def _beyond(row: Row, *, newer: bool) -> Q:
    sign = "gt" if newer else "lt"
    at, pk = row.created_at, row.pk
    return Q(**{f"created_at__{sign}": at}) | Q(created_at=at, **{f"pk__{sign}": pk})
