"""A pytest plugin: every run has a PostgreSQL and a Valkey of its own, and nobody's settings.

It is loaded with ``-p tests.servers``, so that it is there before Django's settings are. Servers
that run already are used instead if both ``TEST_DATABASE_URL`` and ``TEST_REDIS_URL`` name them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from rini.running import datadir, embedded
from rini.running.supervision import Supervisor

# What a developer's shell may hold and no test may see.
SETTINGS = ("RINI_", "DATABASE_URL", "REDIS_URL", "LLM_SERVER_URL", "SECRET_KEY", "JWT_SECRET_KEY")
VENDOR_SETTINGS = ("_API_KEY", "_BASE_URL")
PREFIX = "rini-tests-"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers; the configuration's clean-up, which always runs, stops them."""
    _forget_settings()
    _build_languages()
    stack = contextlib.ExitStack()
    early_config.add_cleanup(stack.close)
    stack.enter_context(_servers())
    return (yield)


def _forget_settings() -> None:
    for name in list(os.environ):
        if name.startswith(SETTINGS) or name.endswith(VENDOR_SETTINGS):
            del os.environ[name]
    os.environ["RINI_ENV_FILE"] = os.devnull


def _build_languages() -> None:
    """As ``make`` does: the catalogues that are older than what was translated."""
    for source in Path("rini/locale").glob("*/LC_MESSAGES/django.po"):
        built = source.with_suffix(".mo")
        if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
            with source.open("rb") as entries:
                content = read_po(entries)
            with built.open("wb") as file:
                write_mo(file, content)


@contextlib.contextmanager
def _servers() -> Iterator[None]:
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # root's PostgreSQL runs as another user
    with datadir.hold(folder, "a test run"):
        installation = datadir.load(folder)
        try:
            with Supervisor(folder / "run", print) as supervisor:
                _choose(supervisor, folder, installation)
                yield
                # Hearts that still beat would tell a closed log that the database is gone.
                logging.disable()
        finally:
            _remove(folder)


def _choose(supervisor: Supervisor, folder: Path, installation: datadir.Installation) -> None:
    os.environ["RINI_DATA_DIR"] = str(folder)
    os.environ["DATABASE_POOL_SIZE"] = "0"  # a database with pooled connections cannot be dropped
    os.environ["CATALOGUE_REMEMBERED_SECONDS"] = "0"  # tests change the catalogue under a server
    os.environ["RINI_API_MASTER_KEY"] = installation.master_key
    os.environ["SECRET_KEY"] = installation.django_secret
    os.environ["JWT_SECRET_KEY"] = installation.jwt_secret
    database, redis = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if database and redis:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = database, redis
        return
    place = embedded.prepare(folder, installation, print)
    embedded.start_postgres(supervisor, place, installation, fast_and_unsafe=True)
    embedded.start_valkey(supervisor, place, installation)


def _remove_leftovers() -> None:
    """Remove the folders of runs that were killed: nobody holds them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, datadir.FolderHeldError):
            if folder.stat().st_mtime < time.time() - 60:  # not one that is being made
                with datadir.hold(folder, "clean-up"):
                    _remove(folder)


def _remove(folder: Path) -> None:
    with contextlib.suppress(SystemExit):  # killed before it had an installation
        shutil.rmtree(embedded.outside(datadir.load(folder)), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
