"""Background work of billing."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from billing import partitions


@shared_task
def make_partitions() -> list[str]:
    """Make the ledger's partitions of the coming months."""
    return partitions.make_partitions()


@shared_task
def trim_ledger() -> list[str]:
    """Drop the months that `LEDGER_RETENTION_MONTHS` does not keep; 0 keeps everything."""
    months = settings.LEDGER_RETENTION_MONTHS
    return partitions.drop_partitions(months) if months else []
