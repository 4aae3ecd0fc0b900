"""Background work of knowledge."""

from __future__ import annotations

from celery import shared_task

from knowledge import documents, ingestion, queue
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
