"""What nobody needs an account for to try: bodies, headers, silence, passwords, sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import ClientConnection, connect

from tests.conftest import User
from tests.limits.watching import undisturbed
from tests.rini_server import RiniServer

MEGABYTE = 1024 * 1024
LARGE = b'{"username": "' + b"a" * (30 * MEGABYTE) + b'"}'
JSON = {"Content-Type": "application/json"}
OPEN = [
    "/users/",
    "/auth/token",
    "/auth/refresh",
    "/auth/logout",
    "/api/users/register",
    "/api/users/login",
    "/api/conversations/create",
    "/api/chat/1",
    "/api/sessions",
    "/api/chat",
    "/chat",
    "/chat/stream",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/llm/text-completion/",
    "/llm/chat-completions/",
    "/llm/embeddings/",
    "/llm/image-completion/",
    "/sessions/",
    "/sessions/import",
    "/admin/login/",
    "/nothing/here",
    "/livez",
]


@contextmanager
def connection(server: RiniServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
        yield caller


def status(caller: socket.socket) -> int:
    """The status of the answer; 0 for a connection that was closed without one."""
    try:
        head = caller.recv(65536)
    except ConnectionError:
        return 0
    return int(head.split()[1]) if head else 0


def sent(caller: socket.socket, data: bytes, pieces: int = 1) -> int:
    """Send until it is refused; how much went out."""
    gone = 0
    try:
        for _ in range(pieces):
            caller.sendall(data)
            gone += len(data)
    except OSError:
        pass
    return gone


@pytest.mark.parametrize("address", OPEN)
@pytest.mark.parametrize("token", [None, "rini-nobody"])
def test_a_strangers_body_is_not_read_beyond_64_kilobytes(
    server: RiniServer, address: str, token: str | None
) -> None:
    headers = [f"Authorization: Bearer {token}"] if token else []
    head = "\r\n".join(
        [
            f"POST {address} HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {30 * MEGABYTE}",
            *headers,
            "",
            "",
        ]
    )
    with connection(server) as caller:
        caller.sendall(head.encode())
        assert 400 <= status(caller) < 500  # before a byte of it has been sent


@pytest.mark.parametrize("address", ["/auth/token", "/api/users/login", "/v1/chat/completions"])
def test_a_strangers_body_of_chunks_ends_at_64_kilobytes(server: RiniServer, address: str) -> None:
    head = (
        f"POST {address} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    with undisturbed(server), connection(server) as caller:
        caller.sendall(head.encode())
        sent(caller, b"10000\r\n" + b" " * 65536 + b"\r\n", pieces=4)
        assert 400 <= status(caller) < 500


def test_a_strangers_large_bodies_cost_nothing(server: RiniServer) -> None:
    def post(number: int) -> int:
        with httpx.Client(base_url=server.url, timeout=30) as stranger:
            address = OPEN[number % len(OPEN)]
            headers = {**JSON, "Idempotency-Key": str(uuid4())}
            try:
                return stranger.post(address, content=LARGE, headers=headers).status_code
            except httpx.TransportError:
                return 0

    with undisturbed(server), ThreadPoolExecutor(8) as threads:
        statuses = set(threads.map(post, range(2 * len(OPEN))))
    assert statuses <= {0, 401, 403, 404, 405, 413}


def test_the_answer_to_a_body_that_is_too_large_arrives(server: RiniServer) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as stranger:
        answer = stranger.post("/api/users/login", content=LARGE, headers=JSON)
    assert answer.status_code == 413
    assert "65536 bytes" in answer.json()["error"]


def test_who_has_an_account_may_send_more(alice: User) -> None:
    text = "가" * 100_000
    answer = alice.post("/sessions/", json={"system_prompt": text})
    assert answer.status_code == 201
    assert answer.json()["system_prompt"] == text
    message = {"role": "user", "content": text}
    assert alice.post(f"/sessions/{answer.json()['id']}/messages/", json=message).status_code == 201


def test_a_guest_sends_no_more_than_a_stranger(guests_server: RiniServer) -> None:
    with httpx.Client(base_url=guests_server.url, timeout=30) as guest:
        answer = guest.post("/chat", json={"message": "가" * 50_000})
        assert answer.status_code == 413
        assert guest.post("/chat", json={"message": "안녕", "model": "demo"}).status_code == 200


# -- heads ----------------------------------------------------------------------------------------


def test_a_header_without_an_end_is_refused(server: RiniServer) -> None:
    with undisturbed(server), connection(server) as caller:
        caller.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        gone = sent(caller, b"a" * 65536, pieces=4000)
        assert gone < 80 * MEGABYTE
        assert status(caller) in {431, 0}


def test_too_many_headers_are_refused(server: RiniServer) -> None:
    with connection(server) as caller:
        lines = b"".join(b"X-%d: a\r\n" % n for n in range(200))
        caller.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n")
        assert status(caller) == 431


def test_headers_of_too_many_bytes_are_refused(server: RiniServer) -> None:
    with connection(server) as caller:
        lines = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 4000) for n in range(9))
        caller.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n")
        assert status(caller) == 431


def test_an_address_that_is_too_long_is_refused(server: RiniServer) -> None:
    with connection(server) as caller:
        caller.sendall(b"GET /livez?q=" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = caller.recv(65536)
    assert answer.split()[1] == b"414"
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "address_too_long"


def test_trailers_without_an_end_are_refused(server: RiniServer) -> None:
    with undisturbed(server), connection(server) as caller:
        caller.sendall(
            b"POST /auth/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\n{}\r\n0\r\nX-Long: "
        )
        assert sent(caller, b"a" * 65536, pieces=4000) < 80 * MEGABYTE


def test_a_trailer_is_no_header(server: RiniServer, alice: User) -> None:
    with connection(server) as caller:
        caller.sendall(
            b"POST /sessions/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
            b"Authorization: Bearer " + alice.token.encode() + b"\r\n\r\n"
        )
        assert status(caller) == 401


LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_requests_that_are_sent_at_once_are_answered_one_after_the_other(
    server: RiniServer,
) -> None:
    with connection(server) as caller:
        caller.sendall(LIVEZ * 20 + LIVEZ.replace(b"/livez", b"/nothing"))
        answers = b""
        while answers.count(b"HTTP/1.1 ") < 21 or b"/nothing" not in answers:
            answers += caller.recv(65536)
    statuses = [int(rest.split()[0]) for rest in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200] * 20 + [404]


def test_a_connection_with_too_many_requests_at_once_is_cut_off(server: RiniServer) -> None:
    with undisturbed(server), connection(server) as caller:
        caller.sendall(LIVEZ * 1000)
        answers = b""
        with suppress(ConnectionError):
            while piece := caller.recv(65536):
                answers += piece
    assert answers.count(b"HTTP/1.1 200") < 40
    assert b"HTTP/1.1 429" not in answers


def test_a_handshake_with_a_long_header_is_refused(server: RiniServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"{server.websocket_url}/ws/sessions/{uuid4()}/",
            additional_headers={"X-Long": "a" * 9000},
        )
    assert refused.value.response.status_code == 431


# -- time -----------------------------------------------------------------------------------------


def test_silent_connections_are_closed(hasty_server: RiniServer) -> None:
    with ExitStack() as stack:
        callers = [stack.enter_context(connection(hasty_server)) for _ in range(40)]
        assert {status(caller) for caller in callers} == {0}


def test_a_head_that_comes_byte_by_byte_is_refused(hasty_server: RiniServer) -> None:
    began = time.monotonic()
    with undisturbed(hasty_server), connection(hasty_server) as caller:
        caller.sendall(b"GET /livez HTTP/1.1\r\nX-Slow: ")
        caller.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() - began < 8:
            sent(caller, b"X")
            try:
                answer = caller.recv(1000)
            except TimeoutError:
                continue
    assert answer.split()[1] == b"408"
    assert time.monotonic() - began < 6


@pytest.mark.parametrize("address", ["/auth/token", "/api/users/login"])
def test_a_body_that_comes_byte_by_byte_is_refused(hasty_server: RiniServer, address: str) -> None:
    head = f"POST {address} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += "Content-Length: 60000\r\n\r\n"
    began = time.monotonic()
    with connection(hasty_server) as caller:
        caller.sendall(head.encode())
        caller.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() - began < 8:
            sent(caller, b" ")
            try:
                answer = caller.recv(1000)
            except TimeoutError:
                continue
    assert answer.split()[1] == b"408"


def test_a_request_after_a_pause_is_answered(hasty_server: RiniServer) -> None:
    with httpx.Client(base_url=hasty_server.url) as caller:
        assert caller.get("/livez").status_code == 200
        time.sleep(3)  # longer than a head may take, for none has begun
        stream = caller.get("/livez").extensions["network_stream"]
        assert stream is not None


def test_the_connections_of_one_process_are_counted(hasty_server: RiniServer) -> None:
    with ExitStack() as stack:
        callers = [stack.enter_context(connection(hasty_server)) for _ in range(80)]
        statuses = [status(caller) for caller in callers]
    assert statuses.count(503) >= 20
    assert httpx.get(f"{hasty_server.url}/livez").status_code == 200  # the places are free again


def test_the_connections_of_one_address_are_counted(few_server: RiniServer) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connection(few_server))
        refused = stack.enter_context(connection(few_server))
        answer = refused.recv(65536)
        assert answer.split()[1] == b"503"
        assert b"retry-after: 1" in answer.lower()
    time.sleep(0.2)
    assert httpx.get(f"{few_server.url}/livez").status_code == 200


def sign_ups(server: RiniServer, count: int) -> list[httpx.Response]:
    """The answers to so many at once."""
    limits = httpx.Limits(max_connections=count)
    with (
        httpx.Client(base_url=server.url, timeout=30, limits=limits) as strangers,
        ThreadPoolExecutor(count) as threads,
    ):

        def sign_up(number: int) -> httpx.Response:
            address = ("/users/", "/api/users/register")[number % 2]
            body = {"username": f"user{number}", "password": "나비가 난다 2468"}
            return strangers.post(address, json=body)

        return list(threads.map(sign_up, range(count)))


# -- passwords ------------------------------------------------------------------------------------


def test_many_sign_ups_at_once_take_little_memory(server: RiniServer, database: None) -> None:
    with undisturbed(server):
        statuses = [answer.status_code for answer in sign_ups(server, 60)]
    assert set(statuses) <= {201, 503}
    assert statuses.count(201) >= 4


def test_beyond_the_passwords_that_are_hashed_at_once_callers_come_back_later(
    hasty_server: RiniServer, database: None
) -> None:
    answers = sign_ups(hasty_server, 40)
    assert {answer.status_code for answer in answers} == {201, 503}
    busy = [answer for answer in answers if answer.status_code == 503]
    assert all("retry-after" in answer.headers for answer in busy)


# -- WebSockets -----------------------------------------------------------------------------------


def close_code(socket_: ClientConnection, *messages: str | Iterator[str]) -> int | None:
    """The code with which the server closes; None if it just goes."""
    try:
        for message in messages:
            socket_.send(message)
        while True:
            socket_.recv(timeout=10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_a_strangers_message_is_not_read_beyond_64_kilobytes(server: RiniServer) -> None:
    message = json.dumps({"type": "authenticate", "token": "a" * (30 * MEGABYTE)})
    address = f"{server.websocket_url}/ws/sessions/{uuid4()}/"
    with undisturbed(server), connect(address) as stranger:
        assert close_code(stranger, message) == 1009


def test_nothing_is_compressed(server: RiniServer) -> None:
    address = f"{server.websocket_url}/ws/sessions/{uuid4()}/"
    offer = ClientPerMessageDeflateFactory()
    with connect(address, extensions=[offer]) as stranger:
        assert stranger.protocol.extensions == []


def test_fragments_without_an_end_are_refused(server: RiniServer) -> None:
    def fragments() -> Iterator[str]:
        yield '{"type": "'
        for _ in range(100_000):
            yield ""

    address = f"{server.websocket_url}/ws/sessions/{uuid4()}/"
    with undisturbed(server), connect(address) as stranger:
        assert close_code(stranger, fragments()) is None  # cut off


def test_a_socket_without_a_token_is_closed_in_time(hasty_server: RiniServer) -> None:
    began = time.monotonic()
    address = f"{hasty_server.websocket_url}/ws/sessions/{uuid4()}/"
    with connect(address) as stranger:
        assert close_code(stranger) == 4401
    assert time.monotonic() - began < 5


def test_a_known_caller_may_send_longer_messages(server: RiniServer, alice: User) -> None:
    session_id = alice.post("/sessions/", json={}).json()["id"]
    with connect(f"{server.websocket_url}/ws/sessions/{session_id}/") as socket_:
        socket_.send(json.dumps({"type": "authenticate", "token": alice.token}))
        socket_.send(json.dumps({"type": "ping"}))
        while json.loads(socket_.recv(timeout=10))["type"] != "pong":
            pass
        socket_.send(json.dumps({"type": "ping", "more": "가" * 100_000}, ensure_ascii=False))
        assert json.loads(socket_.recv(timeout=10)) == {"type": "pong"}
        assert close_code(socket_, "a" * (9 * MEGABYTE)) == 1009


def test_pings_of_whom_nobody_reads_are_not_answered_into_memory(server: RiniServer) -> None:
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    head = (
        f"GET /ws/sessions/{uuid4()}/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    ping = b"\x89\xfd" + bytes(4) + b"a" * 125
    with undisturbed(server), connection(server) as caller:
        caller.sendall(head.encode())
        assert caller.recv(1000).startswith(b"HTTP/1.1 101")
        caller.settimeout(1)
        assert sent(caller, ping * 500, pieces=2000) < 60 * MEGABYTE


def test_beyond_the_requests_of_django_that_are_answered_at_once_callers_come_back_later(
    start_server: Callable[..., RiniServer], database: None
) -> None:
    busy = start_server(DJANGO_REQUESTS_AT_ONCE="1", DJANGO_REQUEST_WAIT_SECONDS="0.05")
    with (
        httpx.Client(base_url=busy.url, timeout=30) as strangers,
        ThreadPoolExecutor(30) as threads,
    ):
        answers = list(threads.map(lambda _: strangers.get("/readyz"), range(60)))
        alive = list(threads.map(lambda _: strangers.get("/livez").status_code, range(60)))
    assert {answer.status_code for answer in answers} == {200, 503}
    [code] = {a.json()["code"] for a in answers if "code" in a.json()}
    assert code == "too_busy"
    assert set(alive) == {200}
