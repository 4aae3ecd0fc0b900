"""Everything that Rini needs, in one terminal: what `manage.py up` does.

It works without Django's apps. Loading them takes longer than all the rest of a start, and the web
server has to load them anyway; what needs them here is `manage.py prepare`, and that is run only
if something has changed since it was run last.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import socket

import psycopg
from django.conf import settings
from django.utils.module_loading import import_string

from rini import metrics
from rini.running import datadir, embedded, exposure, serving
from rini.running.supervision import StartError, Supervisor, signals_interrupt

GREETING = """
Rini answers at {address} (Ctrl-C stops it)

  API documentation  {address}/docs
  Administration     {address}/admin/{password}

{trial}"""
TRIAL = """Try it with the demo model:

  TOKEN=$(curl -s {address}/users/ -H 'Content-Type: application/json' -d '{{}}' | \
sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')
  curl -s {address}/llm/text-completion/ -H "Authorization: Bearer $TOKEN" \
-H 'Content-Type: application/json' \
-d '{{"text": "Hello! 안녕하세요!", "provider": "demo", "model": "demo"}}'
"""
PASSWORD = "  (user {name}, password {password}: shown this once)"  # noqa: S105  # a form for one
NO_PASSWORD = "  (password lost: .venv/bin/python manage.py changepassword {name})"  # noqa: S105  # none


def main() -> None:
    """Run until a signal comes. Raises SystemExit with one line for what prevents a start."""
    signals_interrupt()
    os.environ[exposure.SAID] = "yes"
    folder: Path = settings.DATA_DIR
    datadir.load(folder)
    try:
        with (
            datadir.hold(folder, serving.address(settings.HOST, settings.PORT)),
            serving.listen(settings.HOST, settings.PORT) as listener,
            Supervisor(folder / "run", _say) as supervisor,
        ):
            _start_storage(supervisor, folder)
            password = _prepare_database(folder)
            _start_serving(supervisor, folder, listener)
            _greet(folder, password)
            for line in exposure.lines():
                _say(f"open: {line}")
            supervisor.watch()
    except KeyboardInterrupt:
        _say("stopped")
    except (
        datadir.FolderHeldError,
        embedded.UnsupportedPlatformError,
        serving.AddressTakenError,
        StartError,
    ) as error:
        raise SystemExit(f"rini: {error}") from error


def _start_storage(supervisor: Supervisor, folder: Path) -> None:
    if not (settings.EMBEDDED_DATABASE or settings.EMBEDDED_REDIS):
        return
    if embedded.change_taken_ports(
        folder,
        _say,
        postgres=settings.EMBEDDED_DATABASE,
        valkey=settings.EMBEDDED_REDIS,
    ):
        # The settings hold the old addresses: begin again with the new ones.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # ourselves
    installation = datadir.load(folder)
    place = embedded.prepare(folder, installation, _say)
    if settings.EMBEDDED_DATABASE:
        _say("starting PostgreSQL")
        embedded.start_postgres(supervisor, place, installation)
    if settings.EMBEDDED_REDIS:
        _say("starting Valkey")
        embedded.start_valkey(supervisor, place, installation)


def _prepare_database(folder: Path) -> str:
    """Migrate, and make the first operator; returns the password if it should be shown."""
    if datadir.load(folder).admin_password is None and _is_up_to_date():
        return ""
    _say("bringing the database up to date")
    prepare = [sys.executable, str(settings.BASE_DIR / "manage.py"), "prepare"]
    done = subprocess.run(prepare, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  # ours
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return done.stdout.strip()


def _is_up_to_date() -> bool:
    """Whether every migration of every app has been applied."""
    try:
        with psycopg.connect(settings.DATABASE_URL, connect_timeout=5) as database:
            applied = set(database.execute("SELECT app, name FROM django_migrations").fetchall())
    except psycopg.Error:
        return False  # `prepare` will say what is wrong
    return applied.issuperset(_migrations())


def _migrations() -> Iterator[tuple[str, str]]:
    for app in map(_package, settings.INSTALLED_APPS):
        spec = importlib.util.find_spec(app)
        for place in (spec.submodule_search_locations if spec else None) or ():
            for migration in Path(place, "migrations").glob("[0-9]*.py"):
                yield app.rpartition(".")[2], migration.stem


def _package(app: str) -> str:
    """The package of an installed app, which may be named by its configuration's class."""
    is_class = app.rpartition(".")[2][:1].isupper()
    return str(import_string(app).name) if is_class else app


def _start_serving(supervisor: Supervisor, folder: Path, listener: socket) -> None:
    _say("starting the web server, the worker and the clock")
    metrics.begin_anew()
    root = settings.BASE_DIR
    web_workers = settings.WEB_WORKERS
    for number in range(1, web_workers + 1):
        name = f"web server {number}" if web_workers > 1 else "web server"
        supervisor.start(serving.web(name, listener, root))
    for old in folder.glob("*-schedule*"):
        old.chmod(0o600)  # the umask of the children does not change what is there
    supervisor.start(serving.worker(root, settings.WORKER_CONCURRENCY))
    supervisor.start(serving.clock(folder / "clock-schedule", root))


def _greet(folder: Path, password: str) -> None:
    address = serving.address(settings.HOST, settings.PORT)
    form = PASSWORD if password else NO_PASSWORD
    shown = form.format(name=datadir.ADMIN, password=password)
    trial = TRIAL.format(address=address) if settings.OPEN_REGISTRATION else ""
    sys.stdout.write(GREETING.format(address=address, password=shown, trial=trial) + "\n")
    sys.stdout.flush()
    if password:
        datadir.update(folder, admin_password=None)


def _say(line: str) -> None:
    sys.stdout.write(f"rini: {line}\n")
    sys.stdout.flush()
