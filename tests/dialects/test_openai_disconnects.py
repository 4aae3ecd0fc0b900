from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from billing.models import UsageRecord
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually
from tests.dialects.openai_client import ASK, CLAUDE, GEMINI, GPT
from tests.vendors.script import Script, Tokens
from tests.vendors.stage import Stage

PIECES = ["조각 "] * 100
SLOW = Script(pieces=PIECES, delay=0.05, usage=Tokens(input=21, output=100))


@contextmanager
def asking(user: User, path: str, body: dict[str, Any]) -> Iterator[socket.socket]:
    """A raw connection on which a request was sent; leaving closes it."""
    request = user.build_request("POST", path, json=body)
    head = f"POST {path} HTTP/1.1\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in request.headers.items()
    )
    address = (user.base_url.host, user.base_url.port)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head.encode() + b"\r\n" + request.read())
        yield connection


def row() -> UsageRecord:
    found: UsageRecord = eventually(UsageRecord.objects.first)
    return found


@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
def test_a_reader_that_leaves_a_stream_stops_the_vendor(
    alice: User, stage: Stage, model: str
) -> None:
    add_keys(alice)
    stage.next(SLOW)
    with asking(
        alice, "/v1/chat/completions", {"model": model, "messages": ASK, "stream": True}
    ) as c:
        came = b""
        while came.count("조각".encode()) < 3:
            came += c.recv(65536)
    call = stage.wait_for_call()
    assert call.wait_closed(2)
    assert call.pieces_sent < len(PIECES)
    stopped = row()
    assert stopped.status == "stopped"
    assert stopped.usage_source == ("vendor" if model == GEMINI else "estimated")
    assert stopped.output_tokens


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
def test_a_caller_that_leaves_before_the_answer_stops_the_vendor(
    alice: User, stage: Stage, model: str, stream: bool
) -> None:
    add_keys(alice)
    stage.next(Script(hangs=True))
    body = {"model": model, "messages": ASK, "stream": stream}
    with asking(alice, "/v1/chat/completions", body):
        call = stage.wait_for_call()
    assert call.wait_closed(2)
    stopped = row()
    assert (stopped.status, stopped.output_tokens) == ("stopped", 0)
    assert stopped.input_tokens


def test_a_caller_that_leaves_after_it_sent_a_second_request_stops_the_vendor(
    alice: User, stage: Stage
) -> None:
    add_keys(alice)
    stage.next(Script(hangs=True))
    with asking(alice, "/v1/chat/completions", {"model": GPT, "messages": ASK}) as caller:
        call = stage.wait_for_call()
        caller.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert call.wait_closed(2)
    assert row().status == "stopped"


def test_a_caller_that_leaves_before_its_embeddings_stops_the_vendor(
    alice: User, stage: Stage
) -> None:
    add_keys(alice)
    stage.next(Script(), Script(hangs=True))
    body = {"model": "text-embedding-3-small", "input": ["안녕"] * 5000, "dimensions": 2}
    with asking(alice, "/v1/embeddings", body):
        call = stage.wait_for_call(2)
    assert call.wait_closed(2)
    stopped = row()
    assert (stopped.status, stopped.usage_source) == ("stopped", "estimated")
    of_the_vendor, of_cl100k = 1, 4  # tokens of each text: as counted for the first 2048, estimated
    assert stopped.input_tokens == 2048 * of_the_vendor + 2048 * of_cl100k
    assert len(stage.calls) == 2


def test_a_stream_that_was_read_to_its_end_leaves_the_connection_open(
    alice: User, stage: Stage
) -> None:
    add_keys(alice)
    body = {"model": GPT, "messages": ASK, "stream": True}
    with httpx.Client(base_url=alice.base_url, headers=alice.headers) as client:
        for _ in range(2):
            assert client.post("/v1/chat/completions", json=body).text.endswith("[DONE]\n\n")
    ports = {call.client_port for call in stage.calls}
    assert len(ports) == 1
    assert not any(call.closed.is_set() for call in stage.calls)
