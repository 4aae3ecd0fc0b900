"""How the tests read event streams: by the standard's rules, without Rini's own parser."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

import httpx

from tests.conftest import User

TERMINAL = ("completed", "stopped", "incomplete", "interrupted", "failed")


@dataclass(frozen=True)
class Received:
    """One event as it came over the wire."""

    id: int
    type: str
    data: dict[str, Any]

    @property
    def is_terminal(self) -> bool:
        return self.type in {f"generation.{ending}" for ending in TERMINAL}


def received(frame: bytes) -> Received | None:
    """The event of one frame, None for a comment."""
    lines = [line.split(": ", 1) for line in frame.decode().split("\n")]
    fields = {line[0]: line[1] for line in lines if line[0]}
    if "data" not in fields:
        return None
    data = json.loads(fields["data"])
    event = Received(int(fields["id"]), fields["event"], data)
    assert (data.pop("seq"), data.pop("type")) == (event.id, event.type)
    return event


def frames(pieces: Iterator[bytes]) -> Iterator[Received]:
    """The events of a body, as they come; the last one without its empty line is none."""
    buffer = b""
    for piece in pieces:
        *whole, buffer = (buffer + piece).split(b"\n\n")
        yield from (event for frame in whole if (event := received(frame)) is not None)


def events_of(answer: httpx.Response) -> list[Received]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(frames(iter([answer.content])))


def text_of(events: list[Received], kind: str = "text.delta") -> str:
    return "".join(event.data["text"] for event in events if event.type == kind)


def read(
    user: User,
    address: str,
    *,
    after: int | None = None,
    by_header: bool = False,
    until: Callable[[Received], bool] = lambda _: False,
    base_url: str | None = None,
) -> list[Received]:
    """The events from `address` to the end, or to the one that `until` wants; then go away."""
    headers = {"Last-Event-ID": str(after)} if by_header and after is not None else {}
    params = {} if by_header or after is None else {"after": after}
    got = []
    url = f"{base_url or user.base_url}".rstrip("/") + address
    with user.stream("GET", url, headers=headers, params=params) as answer:
        if answer.status_code == 204:
            return []
        assert answer.status_code == 200, answer.read()
        for event in frames(answer.iter_raw()):
            got.append(event)
            if until(event):
                break
    return got


class Reader(threading.Thread):
    """Sends a request and reads the event stream beside the test. `leave` closes the connection."""

    def __init__(
        self, user: User, method: str, url: str, body: dict[str, Any] | None = None
    ) -> None:
        super().__init__(daemon=True)
        self.events: list[Received] = []
        self._changed = threading.Condition()
        address = httpx.URL(url)
        self._connection = HTTPConnection(address.host, address.port, timeout=60)
        headers = {"Authorization": f"Bearer {user.token}"}
        content = None if body is None else json.dumps(body)
        self._connection.request(method, address.raw_path.decode(), content, headers)
        self._socket = self._connection.sock  # the response takes it away from the connection
        self.start()

    @property
    def text(self) -> str:
        return text_of(self.events)

    def seen(self, pieces: int, timeout: float = 15) -> None:
        """Wait until so many pieces of text have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._pieces() >= pieces, timeout), self.events

    def ended(self, timeout: float = 20) -> Received:
        """The last event, when the stream has ended."""
        self.join(timeout)
        assert not self.is_alive(), f"the stream goes on after {self.events[-1:]}"
        return self.events[-1]

    def leave(self) -> None:
        """Go away in the middle."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self.join(5)

    def run(self) -> None:
        with closing(self._connection), suppress(OSError, HTTPException):
            answer = self._connection.getresponse()
            for event in frames(iter(lambda: answer.read1(65536), b"")):
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()

    def _pieces(self) -> int:
        return sum(event.type == "text.delta" for event in self.events)
