"""`manage.py up`: everything that Rini needs, in one terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from socket import socket
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import Q

from rini import datadir, embedded, serving
from rini.supervision import StartError, Supervisor, signals_interrupt

ADMIN = "admin"
GREETING = """
Rini answers at {address} (Ctrl-C stops it)

  API documentation  {address}/docs
  Administration     {address}/admin/{password}

Try it with the demo model:

  TOKEN=$(curl -s {address}/users/ -H 'Content-Type: application/json' -d '{{}}' | \
sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')
  curl -s {address}/llm/text-completion/ -H "Authorization: Bearer $TOKEN" \
-H 'Content-Type: application/json' \
-d '{{"text": "Hello! 안녕하세요!", "provider": "demo", "model": "demo"}}'
"""
PASSWORD = "  (user {name}, password {password}: shown this once)"  # noqa: S105  # a form for one


class Command(BaseCommand):
    help = "Run Rini: PostgreSQL and Valkey where none are given, the web server and a worker."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        signals_interrupt()
        folder: Path = settings.DATA_DIR
        datadir.load(folder)
        try:
            with (
                datadir.hold(folder, serving.address(settings.HOST, settings.PORT)),
                serving.listen(settings.HOST, settings.PORT) as listener,
                Supervisor(folder / "run", self._say) as supervisor,
            ):
                self._start_storage(supervisor, folder)
                password = self._prepare_database(folder)
                self._start_serving(supervisor, folder, listener)
                self._greet(folder, password)
                supervisor.watch()
        except KeyboardInterrupt:
            self._say("stopped")
        except (
            datadir.FolderHeldError,
            embedded.UnsupportedPlatformError,
            serving.AddressTakenError,
            StartError,
        ) as error:
            raise SystemExit(f"rini: {error}") from error

    def _start_storage(self, supervisor: Supervisor, folder: Path) -> None:
        if not (settings.EMBEDDED_DATABASE or settings.EMBEDDED_REDIS):
            return
        if embedded.change_taken_ports(
            folder,
            self._say,
            postgres=settings.EMBEDDED_DATABASE,
            valkey=settings.EMBEDDED_REDIS,
        ):
            # The settings hold the old addresses: begin again with the new ones.
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # ourselves
        installation = datadir.load(folder)
        place = embedded.prepare(folder, installation, self._say)
        if settings.EMBEDDED_DATABASE:
            self._say("starting PostgreSQL")
            embedded.start_postgres(supervisor, place, installation)
        if settings.EMBEDDED_REDIS:
            self._say("starting Valkey")
            embedded.start_valkey(supervisor, place, installation)

    def _prepare_database(self, folder: Path) -> str | None:
        """Migrate, and make the first operator; its password if that is to be shown."""
        self._say("bringing the database up to date")
        try:
            call_command("migrate", interactive=False, verbosity=0)
            return _make_admin(folder)
        except OperationalError as error:
            raise SystemExit(f"rini: the database cannot be used: {error}") from error
        finally:  # or the pool's threads would be forked into every child
            connection.close()
            cast(DatabaseWrapper, connection).close_pool()

    def _start_serving(self, supervisor: Supervisor, folder: Path, listener: socket) -> None:
        self._say("starting the web server and the worker")
        root = settings.BASE_DIR
        web_workers = settings.WEB_WORKERS
        for number in range(1, web_workers + 1):
            name = f"web server {number}" if web_workers > 1 else "web server"
            supervisor.start(serving.web(name, listener, root, settings.MAX_REQUEST_BYTES))
        schedule = folder / "beat-schedule"
        supervisor.start(serving.worker(schedule, root, settings.WORKER_CONCURRENCY))

    def _greet(self, folder: Path, password: str | None) -> None:
        address = serving.address(settings.HOST, settings.PORT)
        shown = PASSWORD.format(name=ADMIN, password=password) if password else ""
        self._write(GREETING.format(address=address, password=shown))
        if password:
            datadir.update(folder, admin_password=None)

    def _say(self, line: str) -> None:
        self._write(f"rini: {line}")

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _make_admin(folder: Path) -> str | None:
    """Make the first operator, unless there is one or somebody has the name.

    Returns the password if it was never shown and is still the one.
    """
    password = datadir.load(folder).admin_password
    if password is None:
        return None
    users = get_user_model().objects
    if not users.filter(Q(is_superuser=True) | Q(username__iexact=ADMIN)).exists():
        users.create_superuser(username=ADMIN, password=password)
    admin = users.filter(username=ADMIN, is_superuser=True).first()
    return password if admin and admin.check_password(password) else None
