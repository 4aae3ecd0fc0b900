"""When something was used last, true to the minute: one write a minute, not one a request."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Model, Q
from django.utils import timezone

NOTED_EVERY = timedelta(minutes=1)


def note(row: Model) -> None:
    """Note that `row`, which has a column ``last_used_at``, is being used now."""
    long_ago = timezone.now() - NOTED_EVERY
    last: datetime | None = getattr(row, "last_used_at")  # noqa: B009  # not every model has it
    if last is None or last <= long_ago:
        noted_before = Q(last_used_at=None) | Q(last_used_at__lte=long_ago)
        rows = type(row)._default_manager.filter(noted_before, pk=row.pk)
        rows.update(last_used_at=timezone.now())
