"""When periodic work last ran. Who tends the installation sees a clock or a worker that is dead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Max
from django.utils import timezone

from rini.models import PeriodicTask, Process

PATIENCE = timedelta(seconds=60)
"""How much later than its time a task may have run: the worker may be busy."""


def note(task: str, *, succeeded: bool) -> None:
    """Remember that a periodic task has just run; one that is not periodic is left alone."""
    if task not in _schedule():
        return
    row, _ = PeriodicTask.objects.get_or_create(name=task)
    now = timezone.now()
    changes = {"succeeded_at": now} if succeeded else {"failed_at": now}
    PeriodicTask.objects.filter(pk=row.pk).update(runs=F("runs") + 1, **changes)


def last_run() -> datetime | None:
    """When any periodic task last succeeded."""
    last: datetime | None = PeriodicTask.objects.aggregate(last=Max("succeeded_at"))["last"]
    return last


def late() -> list[str]:
    """The tasks that should have run and have not. None is late right after a first start."""
    now = timezone.now()
    times = dict(PeriodicTask.objects.values_list("name", "succeeded_at"))
    first_start = Process.objects.order_by("started_at").values_list("started_at", flat=True)
    since = first_start.first() or now
    return sorted(
        task
        for task, every in _schedule().items()
        if (times.get(task) or since) + every + PATIENCE < now
    )


def _schedule() -> dict[str, timedelta]:
    """How often each task runs, by its name."""
    entries: Mapping[str, Mapping[str, Any]] = settings.CELERY_BEAT_SCHEDULE
    return {entry["task"]: timedelta(seconds=entry["schedule"]) for entry in entries.values()}
