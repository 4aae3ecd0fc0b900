"""The processes that `manage.py up` runs beside the embedded servers: web server and worker."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from functools import partial
from pathlib import Path

from rini.running.supervision import Program

GRACE_SECONDS = 10


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
        listener.listen(2048)
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


def web(name: str, listener: socket.socket, root: Path, max_message_bytes: int) -> Program:
    """A web server on the shared socket."""
    options = {
        "--fd": listener.fileno(),
        "--timeout-graceful-shutdown": GRACE_SECONDS,
        "--ws-max-size": max_message_bytes,
        "--log-level": "warning",
    }
    return Program(
        name=name,
        argv=[
            *(sys.executable, "-m", "uvicorn", "rini.asgi:application"),
            # Whose word on the caller's address counts, rini.web.client decides.
            *("--no-access-log", "--no-server-header", "--no-proxy-headers"),
            *(str(part) for option in options.items() for part in option),
        ],
        is_ready=partial(_answers, listener),
        folder=root,
        inherit=[listener.fileno()],
        stop_seconds=GRACE_SECONDS + 2,
    )


def worker(schedule: Path, root: Path, concurrency: int) -> Program:
    """A Celery worker with the clock of periodic tasks, whose last runs stand in `schedule`."""
    return Program(
        name="worker",
        argv=[
            # Who runs Rini as root need not hear of it at every start.
            *(sys.executable, "-W", "ignore:You're running the worker"),
            *("-m", "celery", "--quiet", "-A", "rini", "worker", "--beat"),
            *("--schedule", str(schedule), "--concurrency", str(concurrency)),
            *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
        ],
        # SIGTERM gives running tasks CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT, then hands them back.
        environment={**os.environ, "REMAP_SIGTERM": "SIGQUIT"},
        folder=root,
        stop_seconds=GRACE_SECONDS + 2,
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
