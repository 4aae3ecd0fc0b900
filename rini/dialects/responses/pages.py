"""Lists of items as OpenAI pages them. Pure but for the request's query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rini.dialects.responses.wrong import invalid
from rini.translation import gettext as _
from rini.web import query

Json = dict[str, Any]
_MOST, _USUAL = 100, 20


def page_of(found: Sequence[Json], source: query.Source) -> Json:
    """The part of `found`, oldest first, that ``limit``, ``order`` and ``after`` ask for."""
    limit = query.whole(source, "limit", least=1, most=_MOST) or _USUAL
    order = query.choice(source, "order", ("asc", "desc")) or "desc"
    after = query.text(source, "after")
    rows = list(found) if order == "asc" else list(reversed(found))
    if after is not None:
        ids = [row["id"] for row in rows]
        if after not in ids:
            raise invalid("after", _("There is no such item."))
        rows = rows[ids.index(after) + 1 :]
    page = rows[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(rows) > limit,
    }
