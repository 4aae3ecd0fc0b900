"""The files behind the passages that an answer was given. Sync."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from knowledge.models import Document
from rini.dialects.vector_stores import ids, shown

Json = dict[str, Any]


def of(citations: Sequence[Mapping[str, Any]]) -> list[Json]:
    """The citations of a message by OpenAI's names. What has been deleted since keeps its name."""
    if not citations:
        return []
    document_ids = {UUID(one["document_id"]) for one in citations}
    # The answer's owner was shown them when it was made.
    known = Document.objects.defer("text").in_bulk(document_ids)
    return [_source(one, known.get(UUID(one["document_id"]))) for one in citations]


def _source(citation: Mapping[str, Any], document: Document | None) -> Json:
    usual = ids.named(ids.FILE, UUID(citation["document_id"]))
    return {
        "number": citation["number"],
        "cited": citation["cited"],
        "file_id": shown.file_name(document) if document else usual,
        "filename": citation["document_name"],
        "attributes": document.attributes if document else {},
        "score": citation["score"],
        "text": citation["content"],
    }
