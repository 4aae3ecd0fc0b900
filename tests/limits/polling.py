"""A process of its own that asks `/livez` until its stdin ends: `python polling.py PORT`.

Prints the longest wait in seconds, and how many answers were no 200. (A thread of the tests would
wait for the tests.)
"""

from __future__ import annotations

import http.client
import select
import sys
import time

PAUSE_SECONDS = 0.05


def main(port: int) -> None:
    longest, refused = 0.0, 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/livez")
    connection.getresponse().read()
    _tell("ready")
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        began = time.monotonic()
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        answer.read()
        longest = max(longest, time.monotonic() - began)
        refused += answer.status != 200
    _tell(f"{longest} {refused}")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
