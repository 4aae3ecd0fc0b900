"""A second client, who asks `/livez` all the while, and what the server's memory is meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rini_server import RiniServer

LONGEST_WAIT_SECONDS = 1.0
MOST_MEGABYTES = 200.0
KEPT_MEGABYTES = 60.0
"""What allocators keep for the next time, and what is loaded at the first use of something."""
POLLING = Path(__file__).parent / "polling.py"


@contextmanager
def undisturbed(server: RiniServer, within: float = 5.0) -> Iterator[None]:
    """Whatever the body does, others are answered at once, and the memory that it takes is little
    and given back."""
    before = resident_megabytes(server)
    with _second_client(server) as answers, _memory(server) as most:
        yield
    longest_wait, refused = answers
    kept = resident_megabytes(server) - before
    told = f"longest wait {longest_wait:.2f} s, {most[0] - before:.0f} MB, kept {kept:.0f} MB"
    sys.stdout.write(told)  # pytest shows it where the test fails
    assert refused == 0
    assert longest_wait < LONGEST_WAIT_SECONDS
    assert most[0] - before < MOST_MEGABYTES
    eventually(lambda: resident_megabytes(server) - before < KEPT_MEGABYTES, within)


@contextmanager
def _second_client(server: RiniServer) -> Iterator[list[float]]:
    """Afterwards the longest wait in seconds, and the number of refusals."""
    told: list[float] = []
    argv = [sys.executable, "-S", str(POLLING), str(server.port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "ready\n"
        try:
            yield told
            time.sleep(0.1)
        finally:
            child.stdin.close()
            told += map(float, child.stdout.readline().split())


@contextmanager
def _memory(server: RiniServer) -> Iterator[list[float]]:
    """Afterwards the most megabytes that the server had."""
    most = [resident_megabytes(server)]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], resident_megabytes(server))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def resident_megabytes(server: RiniServer) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def eventually(is_so: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {within} s"
        time.sleep(0.05)
