"""Bases, documents and files as OpenAI shows them. Needs the database for the counts of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet, Sum

from knowledge.models import Document, DocumentStatus, KnowledgeBase, UploadedFile
from knowledge.retrieval import Found
from rini.dialects.vector_stores import ids

Json = dict[str, Any]
_USUAL_PURPOSE = "assistants"
_WORKING = "in_progress"
_ENDED = {
    DocumentStatus.READY: "completed",
    DocumentStatus.FAILED: "failed",
    DocumentStatus.CANCELLED: "cancelled",
}
STATUSES = (_WORKING, *_ENDED.values())


@dataclass(slots=True)
class Tally:
    """What a number of documents add up to."""

    counts: Counter[str] = field(default_factory=Counter)
    size: int = 0
    first: datetime | None = None
    last: datetime | None = None

    @property
    def status(self) -> str:
        """Of all of them together, as a batch has it."""
        if self.counts[_WORKING]:
            return _WORKING
        if self.counts["cancelled"]:
            return "cancelled"
        return "failed" if self.counts["failed"] == self.counts.total() else "completed"

    def json(self) -> Json:
        return {**{name: self.counts[name] for name in STATUSES}, "total": self.counts.total()}


def tallies(documents: QuerySet[Document]) -> dict[UUID, Tally]:
    """What documents add up to, by their bases."""
    found: dict[UUID, Tally] = {}
    rows = (
        documents.order_by()
        .values_list("base_id", "status")
        .annotate(Count("id"), Sum("size"), Min("created_at"), Max("created_at"))
    )
    for base_id, status, count, size, first, last in rows:
        tally = found.setdefault(base_id, Tally())
        tally.counts[status_of(status)] += count
        tally.size += size
        tally.first = min(tally.first or first, first)
        tally.last = max(tally.last or last, last)
    return found


def status_of(status: str) -> str:
    return _ENDED.get(DocumentStatus(status), _WORKING)


def with_status(documents: QuerySet[Document], status: str | None) -> QuerySet[Document]:
    """The documents that OpenAI's `status` fits; None: all."""
    if status is None:
        return documents
    if status == _WORKING:
        return documents.exclude(status__in=_ENDED)
    return documents.filter(
        status__in=[ours for ours, theirs in _ENDED.items() if theirs == status]
    )


def stores(bases: Sequence[KnowledgeBase]) -> list[Json]:
    known = tallies(Document.objects.filter(base__in=bases))
    return [_store(base, known.get(base.id, Tally())) for base in bases]


def _store(base: KnowledgeBase, tally: Tally) -> Json:
    active = max(base.created_at, tally.last or base.created_at)
    return {
        "id": ids.named(ids.STORE, base.id),
        "object": "vector_store",
        "created_at": _seconds(base.created_at),
        "last_active_at": _seconds(active),
        "name": base.name,
        "description": base.description,
        "usage_bytes": tally.size,
        "file_counts": tally.json(),
        "status": _WORKING if tally.counts[_WORKING] else "completed",
        "expires_after": None,
        "expires_at": None,
        "metadata": base.metadata,
    }


def store_files(documents: Sequence[Document], base: KnowledgeBase) -> list[Json]:
    return [_store_file(document, base) for document in documents]


def _store_file(document: Document, base: KnowledgeBase) -> Json:
    return {
        "id": file_name(document),
        "object": "vector_store.file",
        "created_at": _seconds(document.created_at),
        "vector_store_id": ids.named(ids.STORE, base.id),
        "usage_bytes": document.size,
        "status": status_of(document.status),
        "last_error": _error(document),
        "attributes": document.attributes,
        "chunking_strategy": {
            "type": "static",
            "static": {
                "max_chunk_size_tokens": base.chunk_size,
                "chunk_overlap_tokens": base.chunk_overlap,
            },
        },
    }


def _error(document: Document) -> Json | None:
    if document.status != DocumentStatus.FAILED:
        return None
    # What the file holds is known once it has been read: what fails later is not its fault.
    code = "server_error" if document.file_type else "invalid_file"
    return {"code": code, "message": document.error}


def batch(batch_id: UUID, base: KnowledgeBase, tally: Tally) -> Json:
    return {
        "id": ids.named(ids.BATCH, batch_id),
        "object": "vector_store.files_batch",
        "created_at": _seconds(tally.first or base.created_at),
        "vector_store_id": ids.named(ids.STORE, base.id),
        "status": tally.status,
        "file_counts": tally.json(),
    }


def files(found: Sequence[UploadedFile | Document]) -> list[Json]:
    return [
        {
            "id": file_name(one),
            "object": "file",
            "bytes": one.size,
            "created_at": _seconds(one.created_at),
            "expires_at": None,
            "filename": one.name,
            "purpose": one.purpose if isinstance(one, UploadedFile) else _USUAL_PURPOSE,
            "status": "processed",
            "status_details": None,
        }
        for one in found
    ]


def file_name(stored: UploadedFile | Document) -> str:
    """The id of a file; of a document that was added without one, the document's own."""
    upload_id = stored.upload_id if isinstance(stored, Document) else None
    return ids.named(ids.FILE, upload_id or stored.id)


def results(found: Sequence[Found]) -> list[Json]:
    return [
        {
            "file_id": file_name(one.chunk.document),
            "filename": one.chunk.document.name,
            "score": one.score,
            "attributes": one.chunk.document.attributes,
            "content": [{"type": "text", "text": one.shown.content}],
        }
        for one in found
    ]


def content(data: list[Json], kind: str, **fields: Any) -> Json:
    """A page that is the only one."""
    page = {"object": f"vector_store.{kind}.page", "data": data, "has_more": False}
    return {**page, "next_page": None, **fields}


def deleted(kind: str, name: str) -> Json:
    return {"id": name, "object": kind, "deleted": True}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
