"""Who works on which document: leases in PostgreSQL, taken in turns of the users.

A worker claims the next document, and says with every write which attempt it is. One that died, or
lost its lease to another, or whose document was cancelled or deleted, writes nothing any more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from knowledge.models import WORKING, Document, DocumentStatus
from rini.storage.statements import execute

LEASE = timedelta(minutes=15)
"""Longer than reading a document with its pictures, and one batch of embeddings, may take."""
MAX_TRIES = 5

# The user whose turn was longest ago is next: a thousand documents of one do not hold up another's.
_CLAIM = """
    UPDATE knowledge_document AS claimed
    SET status = 'reading', progress = 0, error = '', attempt = attempt + 1, tries = tries + 1,
        claimed_at = clock_timestamp(), leased_until = clock_timestamp() + %s
    WHERE id = (
        SELECT document.id
        FROM knowledge_document document JOIN knowledge_knowledgebase base
            ON base.id = document.base_id
        WHERE (document.status = 'queued' AND document.not_before <= clock_timestamp())
            OR (document.status IN ('reading', 'chunking', 'embedding')
                AND document.leased_until < clock_timestamp())
        ORDER BY (
            SELECT max(served.claimed_at)
            FROM knowledge_document served JOIN knowledge_knowledgebase his
                ON his.id = served.base_id
            WHERE his.user_id = base.user_id
        ) NULLS FIRST, document.created_at
        LIMIT 1
        FOR UPDATE OF document SKIP LOCKED
    )
    RETURNING id
"""


class Superseded(Exception):
    """The document is not this worker's any more."""


def claim() -> Document | None:
    """The next document to work on, with its base and its owner, or None."""
    for (document_id,) in execute(_CLAIM, [LEASE]):
        return Document.objects.select_related("base__user").get(id=document_id)
    return None


def write(document: Document, **changes: Any) -> None:
    """Change columns of a claimed document and prolong its lease. In a transaction nobody else
    changes the document until its end. Raises `Superseded`."""
    mine = Document.objects.filter(id=document.id, attempt=document.attempt, status__in=WORKING)
    if not mine.update(leased_until=timezone.now() + LEASE, **changes):
        raise Superseded


@transaction.atomic
def fail(document: Document, reason: str) -> None:
    """End the work with a reason, for the person whose document it is; what of it was written is
    deleted. Raises `Superseded`."""
    write(document, status=DocumentStatus.FAILED, error=reason)
    document.chunks.filter(live=False).delete()


def put_off(document: Document, reason: str, seconds: float) -> None:
    """Try again later, but not for ever. Raises `Superseded`."""
    if document.tries >= MAX_TRIES:
        fail(document, reason)
        return
    later = timezone.now() + timedelta(seconds=seconds)
    write(document, status=DocumentStatus.QUEUED, error=reason, not_before=later)


def due() -> list[UUID]:
    """The documents that somebody should work on."""
    now = timezone.now()
    queued = Document.objects.filter(status=DocumentStatus.QUEUED, not_before__lte=now)
    left = Document.objects.filter(status__in=WORKING, leased_until__lt=now)
    return list((queued | left).values_list("id", flat=True)[:100])
