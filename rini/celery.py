"""The Celery application: transport for background work. What is true stands in PostgreSQL."""

from __future__ import annotations

import os
import signal

from celery import Celery
from celery.signals import beat_embedded_init, worker_process_init

from rini.running.supervision import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rini.settings")

app = Celery("rini")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_MAIN = os.getpid()


@worker_process_init.connect
@beat_embedded_init.connect
def _die_with_worker(**_: object) -> None:
    """A worker that is killed leaves none of its processes behind."""
    if os.getpid() != _MAIN:  # a pool may also run in the worker's own process
        die_with_parent(signal.SIGKILL, _MAIN)
