"""Background work of billing."""

from __future__ import annotations

from celery import shared_task

from billing import partitions


@shared_task
def make_partitions() -> list[str]:
    """Make the ledger's partitions of the coming months."""
    return partitions.make_partitions()
