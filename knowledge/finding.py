"""Documents word by word: where an exact text stands, and what stands between two characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Length, Substr

from knowledge.expansion import Span
from knowledge.models import Chunk, Document, KnowledgeBase
from knowledge.retrieval import Found
from rini.errors import NotFound
from rini.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document's text, of `length` characters in all."""

    document_id: UUID
    start: int
    end: int
    length: int
    content: str


def exact(bases: Sequence[KnowledgeBase], text: str, most: int) -> list[Found]:
    """The passages in which a text stands as it is written, in whatever case, the newest documents
    first."""
    wanted = " ".join(text.split())
    live = Chunk.objects.filter(base__in=bases, live=True, content__icontains=wanted)
    rows = live.select_related("document").defer("document__text", "embedding", "terms")
    found = rows.order_by("-document__created_at", "document_id", "ordinal")[:most]
    return [Found(row, Span(row.start, row.end, row.content), 1.0, None, None) for row in found]


def piece(bases: Sequence[KnowledgeBase], document_id: UUID, start: int, end: int) -> Piece:
    """What stands from character `start` to before `end`. Raises `NotFound` for a document of none
    of the bases."""
    row = (
        Document.objects.filter(base__in=bases, id=document_id)
        .annotate(
            length=Length("text"), content=Substr("text", Value(start + 1), Value(end - start))
        )
        .values_list("length", "content")
        .first()
    )
    if row is None:
        raise NotFound(_("Document %(id)s not found.") % {"id": document_id})
    length, content = row
    return Piece(document_id, start, start + len(content), length, content)
