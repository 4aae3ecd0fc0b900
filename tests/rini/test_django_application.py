from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import orjson

from tests.rini_server import RiniServer


def in_pieces(body: bytes) -> Iterator[bytes]:
    """A body without a length: httpx sends it in chunks."""
    yield body[:5]
    yield body[5:]


def test_a_body_that_comes_in_chunks_is_read(client: httpx.Client) -> None:
    body = orjson.dumps({"username": "하나", "password": "조각으로 온 암호 99"})
    answer = client.post(
        "/users/", content=in_pieces(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201
    assert answer.json()["username"] == "하나"


def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(server: RiniServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
        caller.sendall(
            b"POST /users/ HTTP/1.1\r\nHost: rini\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert caller.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_body_of_chunks_is_refused_once_it_is_too_large(server: RiniServer) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
        caller.sendall(
            b"POST /users/ HTTP/1.1\r\nHost: rini\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with suppress(ConnectionError):  # closed in the middle of a chunk, its answer before it
            for _ in range(2**20):  # 64 GiB, were it to take them all
                caller.sendall(chunk)
                if select.select([caller], [], [], 0)[0]:
                    break
        assert caller.recv(1000).startswith(b"HTTP/1.1 413")
