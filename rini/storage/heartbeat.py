"""Which processes live. Work that is under way names its process; what a dead one left is reaped.

One row a process, touched every second, says it for all its generations and holds at once. The
clock is the database's: the hosts' may differ.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from datetime import timedelta

import psycopg
import structlog
from django.conf import settings
from django.db import OperationalError
from django.db.models import DateTimeField, Func, Q, QuerySet
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThan

from rini.models import Process
from rini.storage.database import connection_parameters

BEAT_SECONDS = 1.0
FIRST_BEAT_SECONDS = 10.0
log = structlog.get_logger(__name__)


_BEAT = """
    INSERT INTO rini_process (id, started_at, beat_at) VALUES (%s, now(), now())
    ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at
"""


class _PostgresStarted(Func):
    function = "pg_postmaster_start_time"
    output_field = DateTimeField()


class _Heart:
    """This process's heart. A fork has a heart of its own.

    It is a thread, and no task: a process whose event loop is busy is not dead.
    """

    def __init__(self) -> None:
        self.pid = 0
        self.lock = threading.Lock()

    def start(self) -> uuid.UUID:
        with self.lock:
            if self.pid != os.getpid():
                self.process_id = uuid.uuid4()
                self.has_beaten = threading.Event()
                self.pid = os.getpid()
                threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True).start()
        if not self.has_beaten.wait(FIRST_BEAT_SECONDS):
            raise OperationalError("the database does not answer")
        return self.process_id

    def _keep_beating(self) -> None:
        while True:
            try:
                self._beat_until_broken()
            except psycopg.Error as error:
                log.warning("heartbeat failed", error=str(error))
            time.sleep(BEAT_SECONDS / 2)

    def _beat_until_broken(self) -> None:
        # A connection of its own: whoever waits for one of the pool's is busy, but not dead.
        with psycopg.connect(**connection_parameters(), autocommit=True) as connection:
            while True:
                connection.execute(_BEAT, [self.process_id])
                self.has_beaten.set()
                time.sleep(BEAT_SECONDS)


_heart = _Heart()
# Another thread may hold the lock when a process forks: in the child nobody would let it go.
os.register_at_fork(after_in_child=lambda: setattr(_heart, "lock", threading.Lock()))


def process_id() -> uuid.UUID:
    """This process's id; from the first call on it says that it lives. Needs the database."""
    return _heart.start()


def living(patience: float = 1.0) -> QuerySet[Process]:
    """The processes that have beaten within `patience` times the usual limit.

    While PostgreSQL itself has not run for that long, nobody could have: then all are given time.
    """
    limit = Now() - _limit(patience)
    nobody_could = GreaterThan(_PostgresStarted(), limit)
    return Process.objects.filter(Q(beat_at__gte=limit) | Q(nobody_could))


def bury() -> int:
    """Forget processes that have been dead for long; how many."""
    return Process.objects.filter(beat_at__lt=Now() - timedelta(hours=1)).delete()[0]


def _limit(patience: float) -> timedelta:
    return timedelta(seconds=settings.PROCESS_DEAD_AFTER_SECONDS * patience)
