"""The process of the tests' servers of tools."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.rini_server import ROOT, free_port


class ToolServers:
    """See `tests.vendors.tool_server` for what is where."""

    def __init__(self) -> None:
        self.port = free_port()
        self.place = f"127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.vendors.tool_server", str(self.port)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # it tells each failure that it is asked for
        )
        for _ in range(600):
            if self._process.poll() is not None:
                break
            try:
                httpx.get(self.url("/seen"), timeout=2)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the servers of tools did not start")

    def url(self, path: str) -> str:
        return f"http://{self.place}{path}"

    def seen(self, path: str = "") -> list[dict[str, Any]]:
        """What came, to a path that begins so."""
        came = httpx.get(self.url("/seen"), timeout=10).json()
        return [one for one in came if one["path"].startswith(path)]

    def asked(self, path: str, method: str) -> int:
        """How often a method of MCP was asked for there."""
        return sum(one["method"] == method for one in self.seen(path))

    def close(self) -> None:
        self._process.kill()
        self._process.wait(timeout=20)


@pytest.fixture(scope="module")
def tool_servers() -> Iterator[ToolServers]:
    servers = ToolServers()
    yield servers
    servers.close()
