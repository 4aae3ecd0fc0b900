"""Background work of the floor."""

from __future__ import annotations

from celery import shared_task

from rini.web import idempotency


@shared_task
def forget_answers() -> int:
    """Delete the answers that are kept for retries no longer; how many."""
    return idempotency.forget_old()
