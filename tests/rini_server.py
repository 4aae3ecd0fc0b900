"""A web process of Rini as a child of the tests: real sockets, and real deaths."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent


class RiniServer:
    """`python -m rini.server` on a free port, as `make run` starts it. What it logs is in `log`."""

    def __init__(
        self, environment: dict[str, str], port: int | None = None, module: str = "rini.server"
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.NamedTemporaryFile(prefix="rini-server-", suffix=".log")  # noqa: SIM115  # lives as long as the server
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", str(self.port)],
            env={"SHUTDOWN_GRACE_SECONDS": "2", **environment},
            cwd=ROOT,
            stdout=self._log,
            stderr=self._log,
        )
        self._wait_until_ready()

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text()

    def kill(self) -> None:
        """SIGKILL: no handler, no `finally`, no goodbye."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM, and wait until the process has ended."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
            self.process.wait(timeout=20)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/livez", timeout=2)
            except httpx.TransportError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        self.kill()
        raise AssertionError(f"the server did not start:\n{self.log}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
