"""A worker beside the server: what is queued in the background is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.rini_server import ROOT


@pytest.fixture(scope="module")
def worker(server_environment: dict[str, str]) -> Iterator[None]:
    with running(server_environment):
        yield


@contextmanager
def running(environment: dict[str, str]) -> Iterator[None]:
    """A worker with this environment, killed in the end."""
    command = "-m celery --quiet -A rini worker --pool solo --without-gossip --without-mingle"
    process = subprocess.Popen(  # our own program
        [sys.executable, *command.split(), "--loglevel", "WARNING"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=20)
