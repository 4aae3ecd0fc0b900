"""Which processes live. Work that is under way names its process; what a dead one left is reaped.

One row a process, touched every second, says it for all its generations and holds at once.
"""

from __future__ import annotations

import os
import threading
import uuid
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import QuerySet
from django.utils import timezone

from rini.models import Process

BEAT_SECONDS = 1.0
log = structlog.get_logger(__name__)


class _Heart:
    """This process's heart. A fork has a heart of its own."""

    def __init__(self) -> None:
        self.pid = 0
        self.process_id = uuid.uuid4()
        self.lock = threading.Lock()

    def start(self) -> uuid.UUID:
        with self.lock:
            if self.pid != os.getpid():
                self.process_id = uuid.uuid4()
                self.beat()
                self.pid = os.getpid()
                threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True).start()
        return self.process_id

    def beat(self) -> None:
        Process.objects.update_or_create(id=self.process_id, defaults={"beat_at": timezone.now()})

    def _keep_beating(self) -> None:
        pause = threading.Event()
        while not pause.wait(BEAT_SECONDS):
            try:
                self.beat()
            except DatabaseError as error:
                log.warning("heartbeat failed", error=str(error))
            finally:
                connections.close_all()


_heart = _Heart()
os.register_at_fork(after_in_child=lambda: setattr(_heart, "lock", threading.Lock()))


def process_id() -> uuid.UUID:
    """This process's id; from the first call on it says that it lives. Needs the database."""
    return _heart.start()


def living(patience: float = 1.0) -> QuerySet[Process]:
    """The processes that have beaten within `patience` times the usual limit."""
    return Process.objects.filter(beat_at__gte=_limit(patience))


def bury() -> int:
    """Forget processes that have been dead for long; how many."""
    return Process.objects.filter(beat_at__lt=_limit(1.0) - timedelta(hours=1)).delete()[0]


def _limit(patience: float) -> datetime:
    return timezone.now() - timedelta(seconds=settings.PROCESS_DEAD_AFTER_SECONDS * patience)
