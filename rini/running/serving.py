"""The processes that `manage.py up` runs beside the embedded servers: web, worker and clock."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from functools import partial
from pathlib import Path

from django.conf import settings

from rini.running.supervision import Program

TIDYING_SECONDS = 8.0
"""How long a process may take to store and settle once its answers have had their time to end."""


class AddressTakenError(Exception):
    """The web server's address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """The web servers' socket. It stays here: while one is started again, callers wait in line.

    Raises `AddressTakenError`.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)  # as uvicorn does
    except (OSError, OverflowError) as error:
        listener.close()
        fault = (isinstance(error, OSError) and error.strerror) or str(error).rstrip(".")
        raise AddressTakenError(
            f"the web server cannot listen on {host}:{port}: {fault}. "
            "Stop what uses the port, or choose another: PORT=8001 make run"
        ) from error
    return listener


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds the web server."""
    name = _reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def web(name: str, listener: socket.socket, root: Path) -> Program:
    """A web server on the shared socket."""
    return Program(
        name=name,
        argv=[sys.executable, "-m", "rini.server", "--fd", str(listener.fileno())],
        is_ready=partial(_answers, listener),
        folder=root,
        inherit=[listener.fileno()],
        stop_seconds=settings.SHUTDOWN_GRACE_SECONDS + TIDYING_SECONDS,
    )


def clock(schedule: Path, root: Path) -> Program:
    """What queues periodic tasks when their time comes; their last times stand in `schedule`.

    A child of its own: as one of the worker's, nobody would start it again.
    """
    return Program(
        name="clock",
        argv=[
            *(sys.executable, "-m", "celery", "--quiet", "-A", "rini", "beat"),
            *("--schedule", str(schedule), "--pidfile", "", "--loglevel", "WARNING"),
        ],
        folder=root,
    )


def worker(root: Path, concurrency: int) -> Program:
    """A Celery worker."""
    return Program(
        name="worker",
        argv=[
            # Whoever runs Rini as root need not be told so at every start.
            *(sys.executable, "-W", "ignore:You're running the worker"),
            *("-m", "celery", "--quiet", "-A", "rini", "worker"),
            *("--concurrency", str(concurrency)),
            *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
        ],
        # SIGTERM gives running tasks `worker_soft_shutdown_timeout`, then hands them back.
        environment={**os.environ, "REMAP_SIGTERM": "SIGQUIT"},
        folder=root,
        stop_seconds=TIDYING_SECONDS,
    )


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound


def _answers(listener: socket.socket) -> bool:
    """Whether a web server answers HTTP, whatever the answer."""
    host, port = listener.getsockname()[:2]
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/livez")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
