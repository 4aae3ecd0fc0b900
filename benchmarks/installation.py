"""A PostgreSQL and a Valkey of one's own for a measurement, migrated, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rini.running import datadir, embedded
from rini.running.supervision import Supervisor


@contextmanager
def installation(pool: int = 10) -> Iterator[None]:
    """Within it Django is set up, with a pool of so many connections."""
    folder = Path(tempfile.mkdtemp(prefix="rini-benchmark-"))
    folder.chmod(0o711)  # root's PostgreSQL runs as another user
    with datadir.hold(folder, "a benchmark"):
        installed = datadir.load(folder)
        try:
            with Supervisor(folder / "run", print) as supervisor:
                os.environ |= {"RINI_DATA_DIR": str(folder), "DATABASE_POOL_SIZE": str(pool)}
                os.environ |= {"RINI_ENV_FILE": os.devnull, "LOG_LEVEL": "ERROR"}
                place = embedded.prepare(folder, installed, print)
                embedded.start_postgres(supervisor, place, installed)
                embedded.start_valkey(supervisor, place, installed)
                _set_up()
                yield
                _close()
        finally:
            shutil.rmtree(embedded.outside(installed), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rini.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _close() -> None:
    from django.db import connections

    connections.close_all()
