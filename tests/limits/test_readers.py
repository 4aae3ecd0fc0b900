"""Readers who take nothing: what they keep from others, and for how long."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from billing.models import Hold, UsageRecord
from tests.conftest import User
from tests.conversations.conftest import eventually
from tests.limits.watching import undisturbed
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

MEGABYTE = 1024 * 1024


@pytest.fixture
def hana(hasty_server: RiniServer, client: httpx.Client) -> Iterator[User]:
    """A user of the hasty server."""
    account = client.post("/users/", json={}).raise_for_status().json()
    with User(hasty_server, account) as user:
        yield user


@contextmanager
def stalled_reader(
    server: RiniServer, method: str, path: str, token: str, body: object = None
) -> Iterator[socket.socket]:
    """Asks, and reads nothing of the answer."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(30)
        reader.connect(("127.0.0.1", server.port))
        reader.sendall(head.encode() + content)
        yield reader


def is_cut_off(reader: socket.socket) -> bool:
    """Read what has come; whether the rest will not."""
    try:
        while piece := reader.recv(MEGABYTE):
            if piece.endswith(b"0\r\n\r\n"):
                return False
    except ConnectionError:
        return True
    return True


def large_session(user: User, megabytes: int) -> str:
    session_id: str = user.post("/sessions/", json={}).json()["id"]
    for _ in range(megabytes):
        message = {"role": "user", "content": "a" * 999_000}
        answer = user.post(f"/sessions/{session_id}/messages/", json=message)
        assert answer.status_code == 201, answer.text
    return session_id


@pytest.mark.parametrize("path", ["messages/", "export"])
def test_stalled_readers_keep_no_database_connection(
    hasty_server: RiniServer, hana: User, path: str
) -> None:
    session_id = large_session(hana, 6)
    with undisturbed(hasty_server), ExitStack() as stack:
        for _ in range(12):  # with a pool of four
            reader = stalled_reader(
                hasty_server, "GET", f"/sessions/{session_id}/{path}", hana.token
            )
            stack.enter_context(reader)
        time.sleep(0.5)
        for _ in range(8):
            assert hana.get("/sessions/").status_code == 200


def test_a_stalled_reader_is_cut_off(hasty_server: RiniServer, hana: User) -> None:
    session_id = large_session(hana, 8)
    path = f"/sessions/{session_id}/messages/"
    with stalled_reader(hasty_server, "GET", path, hana.token) as reader:
        time.sleep(5)
        assert is_cut_off(reader)


def test_a_slow_reader_is_not_cut_off(hasty_server: RiniServer, hana: User) -> None:
    session_id = large_session(hana, 8)
    path = f"/sessions/{session_id}/messages/"
    with stalled_reader(hasty_server, "GET", path, hana.token) as reader:
        read = 0
        for _ in range(20):  # four seconds, twice as long as nothing may be taken
            read += len(reader.recv(100_000))
            time.sleep(0.2)
        while read < 8 * 999_000:
            piece = reader.recv(MEGABYTE)
            assert piece
            read += len(piece)


def test_a_stalled_reader_of_a_stream_ends_its_call(
    hasty_server: RiniServer, hana: User, stage: Stage
) -> None:
    stage.next(Script(pieces=["가나다라" * 4000] * 2000, delay=0.001))
    messages = [{"role": "user", "content": "말"}]
    body = {"model": "local/played", "stream": True, "messages": messages}
    before = UsageRecord.objects.count()
    with (
        undisturbed(hasty_server),
        stalled_reader(hasty_server, "POST", "/v1/chat/completions", hana.token, body),
    ):
        eventually(Hold.objects.exists)
        eventually(lambda: not Hold.objects.exists())
    assert UsageRecord.objects.count() == before + 1
    assert UsageRecord.objects.latest("recorded_at").status == "stopped"


def test_what_waits_for_readers_is_bounded(
    start_server: Callable[..., RiniServer], client: httpx.Client
) -> None:
    small = start_server(MAX_UNSENT_BYTES=str(16 * MEGABYTE))
    account = client.post("/users/", json={}).json()
    with User(small, account) as user, undisturbed(small), ExitStack() as stack:
        session_id = large_session(user, 8)
        for _ in range(12):
            path = f"/sessions/{session_id}/messages/"
            stack.enter_context(stalled_reader(small, "GET", path, user.token))
            time.sleep(0.2)
        eventually(lambda: "too much waits" in small.log)
        assert user.get("/sessions/").status_code == 200
