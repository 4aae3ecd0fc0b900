"""Handing work to the background worker. What cannot be handed over must not get lost: whoever uses
this finds the work again, by what stands in PostgreSQL."""

from __future__ import annotations

import structlog
from kombu.exceptions import OperationalError

from rini.celery import app

log = structlog.get_logger(__name__)


def enqueue(task: str, *arguments: str | int | None) -> None:
    """Queue a task by its name; `arguments` are ids. Without Valkey nothing is queued, and logged.

    Call it after the commit, or the worker may be quicker.
    """
    try:
        # No retries: the request that queues it would wait for Valkey.
        app.send_task(task, arguments, retry=False, ignore_result=True)
    except OperationalError as error:
        log.warning("background work could not be queued", task=task, error=str(error))
