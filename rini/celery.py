"""The Celery application: transport for background work. What is true stands in PostgreSQL."""

from __future__ import annotations

import os
import signal
from typing import Any

import structlog
from celery import Celery
from celery.signals import task_postrun, worker_process_init

from rini.running.supervision import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rini.settings")

log = structlog.get_logger(__name__)
app = Celery("rini")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,  # late acks alone lose the task of a child that is killed
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=5.0,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 3600,  # what a dead worker had comes back then; leases are quicker
        "socket_timeout": 5,  # without it whoever queues a task waits as long as Valkey is silent
        "socket_connect_timeout": 5,
    },
    accept_content=["json"],
    task_serializer="json",
    timezone="UTC",
    worker_hijack_root_logger=False,
)
app.autodiscover_tasks()

_MAIN = os.getpid()


@worker_process_init.connect
def _die_with_worker(**_: object) -> None:
    """A worker that is killed leaves none of its processes behind."""
    if os.getpid() != _MAIN:  # a pool may also run in the worker's own process
        die_with_parent(signal.SIGKILL, _MAIN)


@task_postrun.connect
def _note_periodic_work(task: Any = None, state: str = "", **_: object) -> None:
    from django.db import DatabaseError

    from rini.storage import periodic  # needs Django's apps

    try:
        periodic.note(task.name, succeeded=state == "SUCCESS")
    except DatabaseError:
        log.warning("periodic work could not be noted", task=task.name)
