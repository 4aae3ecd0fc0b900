"""Background work of knowledge."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from knowledge import bases, documents, ingestion, nearest, queue
from rini.storage.background import enqueue


@shared_task
def ingest_next() -> None:
    """Do one document: that of the user whose turn it is. (One is queued with every document.)"""
    ingestion.ingest_next()


@shared_task
def requeue() -> int:
    """Queue documents that a dead worker left, or whose next attempt is due; returns how many."""
    due = queue.due()
    for _ in due:
        enqueue(documents.WORK)
    return len(due)


@shared_task
def sweep_files() -> int:
    """Delete the files that no document has; how many."""
    return documents.sweep()


@shared_task
def tend_base(base_id: str) -> None:
    """After a document has come into a base: keep up with its size."""
    bases.tend(UUID(base_id))


@shared_task
def drop_indexes() -> int:
    """Take away the indexes of vectors that no base has any more; how many."""
    return nearest.drop_unused()
