"""What somebody with an account can ask of one process at once, and how others fare meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from websockets.sync.client import connect

from conversations.models import Message
from rini.storage.statements import execute
from tests.billing.ledger_world import budget
from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.dialects.openai_client import CLAUDE, GPT
from tests.limits.watching import undisturbed
from tests.rini_server import RiniServer
from tests.vendors.stage import Stage

MEGABYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
CHAT = ["/v1/chat/completions", "/llm/chat-completions/", "/llm/text-completion/"]


def question(**more: Any) -> dict[str, Any]:
    return {"model": "local/played", "messages": [{"role": "user", "content": "말"}], **more}


def tools(schema: Any) -> list[Any]:
    return [{"type": "function", "function": {"name": "f", "parameters": schema}}]


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


WIDE = {"type": "object", "properties": dict.fromkeys(map(str, range(60_000)), True)}
TOO_MUCH: dict[str, dict[str, Any]] = {
    "tools of 30 MB": question(tools=tools({"description": "a" * (30 * MEGABYTE)})),
    "a schema of many values": question(tools=tools(WIDE)),
    "a schema of many levels": question(tools=tools(nested(35))),
    "a format of many levels": question(
        response_format={"type": "json_schema", "json_schema": {"schema": nested(35)}}
    ),
    "a thousand tools": question(tools=tools({}) * 1000),
    "a text of 30 MB": question(messages=[{"role": "user", "content": "a" * (30 * MEGABYTE)}]),
    "a part of 30 MB": question(
        messages=[{"role": "user", "content": [{"type": "text", "text": "a" * (30 * MEGABYTE)}]}]
    ),
    "arguments of 30 MB": question(
        messages=[
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {"name": "f", "arguments": "a" * (30 * MEGABYTE)},
                    }
                ],
            }
        ]
    ),
    "200,000 messages": question(messages=[{"role": "user", "content": "말"}] * 200_000),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_request_that_holds_too_much_is_refused(
    server: RiniServer, alice: User, stage: Stage, what: str
) -> None:
    body = orjson.dumps(TOO_MUCH[what])
    with undisturbed(server):
        answer = alice.post("/v1/chat/completions", content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"]
    assert not stage.calls


@pytest.mark.parametrize(
    "body", [b"[" * 20_000, b"[" * MEGABYTE, b'{"a":' * 300 + b"1" + b"}" * 300]
)
@pytest.mark.parametrize("address", [*CHAT, "/sessions/", "/v1/embeddings", "/sessions/import"])
def test_json_of_too_many_levels_is_refused(alice: User, address: str, body: bytes) -> None:
    assert alice.post(address, content=body, headers=JSON).status_code == 400


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'"",', b"1,", b'{"a":[]},'])
@pytest.mark.parametrize("address", ["/v1/chat/completions", "/sessions/"])
def test_json_of_too_many_values_is_refused(
    server: RiniServer, alice: User, address: str, piece: bytes
) -> None:
    body = b"[" + piece * (30 * MEGABYTE // len(piece)) + b"1]"
    with undisturbed(server):
        answer = alice.post(address, content=body, headers=JSON)
    assert answer.status_code == 400
    assert "1000000 values" in answer.text


DEEP_TEXTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "content that is an object": ("/v1/chat/completions", lambda text: {"text": text}),
    "a part that nobody knows": ("/v1/chat/completions", lambda text: [{"type": "x", "x": text}]),
    "a tool's result": (
        "/v1/messages",
        lambda text: [{"type": "tool_result", "tool_use_id": "a", "content": text}],
    ),
    "a call": (
        "/v1/messages",
        lambda text: [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": [text]}}],
    ),
}


@pytest.mark.parametrize("place", DEEP_TEXTS)
def test_a_text_is_too_long_wherever_it_stands(
    server: RiniServer, alice: User, stage: Stage, place: str
) -> None:
    address, content = DEEP_TEXTS[place]
    add_keys(alice)
    said = {"role": "user", "content": content("a" * (30 * MEGABYTE))}
    body = orjson.dumps(question(model=CLAUDE, messages=[said], max_tokens=1))
    with undisturbed(server):
        answer = alice.post(address, content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert "1000000 characters" in answer.text
    assert not stage.calls


def test_many_pictures_cost_their_counting_once(
    server: RiniServer, alice: User, stage: Stage
) -> None:
    """Where a budget refuses their bytes the text around them is counted."""
    add_keys(alice)
    budget("user", UUID(alice.user_id), 10**6)
    parts = [
        {"type": "image_url", "image_url": {"url": f"https://v.test/{n:064d}"}}
        for n in range(200_000)
    ]
    body = orjson.dumps(question(model=GPT, messages=[{"role": "user", "content": parts}]))
    with undisturbed(server):
        answer = alice.post("/v1/chat/completions", content=body, headers=JSON)
    assert answer.status_code == 402, answer.text


def test_what_goes_along_with_every_input_is_not_multiplied_beyond_a_request(
    server: RiniServer, alice: User, stage: Stage
) -> None:
    add_keys(alice)
    body = {"model": "google/gemini-embedding-001", "input": ["가"] * 100, "title": "a" * MEGABYTE}
    with undisturbed(server):
        answer = alice.post("/v1/embeddings", json=body)
    assert answer.status_code == 400, answer.text
    assert not stage.calls


def test_a_schema_that_would_open_to_gigabytes_does_not(
    server: RiniServer, alice: User, stage: Stage
) -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for level in range(1, 13):
        above = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {
            "type": "object",
            "properties": dict.fromkeys("abcd", above),
        }
    schema = {"$defs": definitions, "$ref": "#/$defs/d12"}
    key = {"model_provider": "google", "api_key_value": "sk-alice-0123456789abcdef"}
    assert alice.post("/api-keys/", json=key).status_code == 201
    for model in ("google/gemini-2.5-flash", "local/played"):
        for given in (
            {"tools": tools(schema)},
            {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}},
        ):
            with undisturbed(server):
                answer = alice.post("/v1/chat/completions", json=question(model=model, **given))
            assert answer.status_code in {200, 400}, answer.text


@pytest.mark.parametrize("address", ["/v1/embeddings", "/llm/embeddings/"])
def test_too_many_inputs_are_refused(
    server: RiniServer, alice: User, stage: Stage, address: str
) -> None:
    body = orjson.dumps({"model": "openai/text-embedding-3-small", "input": ["가"] * 900_000})
    with undisturbed(server):
        answer = alice.post(address, content=body, headers=JSON)
    assert answer.status_code == 400
    assert "10000" in answer.text
    assert not stage.calls


def test_one_request_makes_so_many_calls_of_a_vendor(alice: User, stage: Stage) -> None:
    key = {"model_provider": "google", "api_key_value": "sk-alice-0123456789abcdef"}
    assert alice.post("/api-keys/", json=key).status_code == 201
    body = {"model": "google/gemini-embedding-001", "input": ["가"] * 5001}
    answer = alice.post("/v1/embeddings", json=body)
    assert answer.status_code == 400, answer.text
    assert "5000" in answer.text
    assert not stage.calls


def test_a_long_history_of_a_one_shot_chat_is_refused(server: RiniServer, alice: User) -> None:
    history = [{"role": "user", "content": "말"}] * 200_000
    body = orjson.dumps({"message": "말", "conversation_history": history})
    with undisturbed(server):
        answer = alice.post("/chat", content=body, headers=JSON)
    assert answer.status_code == 400


def test_many_large_requests_at_once_are_answered_one_after_the_other(
    server: RiniServer, alice: User
) -> None:
    body = orjson.dumps(TOO_MUCH["a part of 30 MB"])

    def ask(_: int) -> int:
        return alice.post("/v1/chat/completions", content=body, headers=JSON).status_code

    with undisturbed(server), ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(ask, range(8)))
    assert set(statuses) <= {400, 503}
    assert 400 in statuses


def test_a_long_message_of_a_socket_disturbs_nobody(server: RiniServer, alice: User) -> None:
    session_id = alice.post("/sessions/", json={}).json()["id"]
    message = json.dumps({"type": "generate", "text": "a" * (7 * MEGABYTE)})
    with (
        undisturbed(server),
        connect(f"{server.websocket_url}/ws/sessions/{session_id}/") as socket_,
    ):
        socket_.send(json.dumps({"type": "authenticate", "token": alice.token}))
        assert json.loads(socket_.recv(timeout=10))["type"] == "authenticated"
        socket_.send(message)
        while (told := json.loads(socket_.recv(timeout=10)))["type"] != "error":
            pass
    assert told["problem"]["errors"]["text"]


@pytest.mark.parametrize("field", ["metadata", "tags"])
def test_a_session_has_no_large_fields(server: RiniServer, alice: User, field: str) -> None:
    large = {"metadata": {"a": "b" * 70_000}, "tags": ["a"] * 300_000}
    with undisturbed(server):
        answer = alice.post("/sessions/", json={field: large[field]})
    assert answer.status_code == 400
    assert answer.json()["errors"][field]


# -- what is stored -------------------------------------------------------------------------------


def file_of(messages: int, content: str = "말") -> bytes:
    told = [
        {"number": n, "parent": n - 1 or None, "role": "user", "content": content}
        for n in range(1, messages + 1)
    ]
    return orjson.dumps({"format": "rini.session", "version": 1, "session": {}, "messages": told})


_TRANSACTIONS = """
    SELECT extract(epoch FROM clock_timestamp() - xact_start)::float FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""


def test_a_large_import_holds_no_transaction_while_it_is_read(
    server: RiniServer, alice: User
) -> None:
    body = file_of(1000, "이 문장은 검색을 위해 나뉜다. " * 250)  # 9 MB
    with undisturbed(server, within=10), ThreadPoolExecutor(1) as thread:
        importing = thread.submit(
            alice.post, "/sessions/import", content=body, headers=JSON, timeout=60
        )
        began, longest = time.monotonic(), 0.0
        while not importing.done():
            longest = max(longest, *(age for (age,) in execute(_TRANSACTIONS)), 0.0)
            time.sleep(0.05)
        took = time.monotonic() - began
    answer = importing.result()
    assert answer.status_code == 201, answer.text
    assert longest < took / 2
    assert Message.objects.filter(session=answer.json()["id"]).count() == 1000


def test_an_import_of_too_many_messages_is_refused(server: RiniServer, alice: User) -> None:
    with undisturbed(server):
        answer = alice.post("/sessions/import", content=file_of(30_000), headers=JSON)
    assert answer.status_code == 400
    assert "20000" in answer.text


_SIBLINGS = """
    INSERT INTO conversations_message (session_id, user_id, role, content, reasoning, status,
        citations, tool_calls, memories, created_at)
    SELECT %s, %s, 'user', '판 ' || n, '', 'complete', '[]', '[]', '[]', now()
    FROM generate_series(1, %s) AS n
"""


def siblings(alice: User, count: int) -> str:
    session_id = begin(alice)
    execute(_SIBLINGS, [session_id, alice.user_id, count])
    return session_id


def test_a_page_of_many_siblings_names_those_around_each(server: RiniServer, alice: User) -> None:
    session_id = siblings(alice, 50_000)
    address = f"/sessions/{session_id}/messages/?all=1&siblings=1&limit=1000"
    with undisturbed(server, within=10):
        answer = alice.get(address)
    page = answer.json()
    assert {message["sibling_count"] for message in page} == {50_000}
    assert {len(message["sibling_ids"]) for message in page} == {100}
    assert all(message["id"] in message["sibling_ids"] for message in page)
    assert len(answer.content) < 4 * MEGABYTE


@pytest.fixture(scope="module")
def frugal_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    return start_server(
        MAX_USER_BYTES="30000",
        MAX_SESSION_BYTES="10000",
        MAX_SESSION_MESSAGES="5",
        MAX_PAGE_BYTES="20000",
    )


@pytest.fixture
def frugal(frugal_server: RiniServer, client: httpx.Client) -> User:
    return User(frugal_server, client.post("/users/", json={}).json())


def add(user: User, session_id: str, text: str) -> httpx.Response:
    body = {"role": "user", "content": text}
    return user.post(f"/sessions/{session_id}/messages/", json=body)


def begin(user: User, **fields: Any) -> str:
    session_id: str = user.post("/sessions/", json=fields).json()["id"]
    return session_id


def test_a_session_holds_so_many_bytes(frugal: User) -> None:
    session_id = begin(frugal)
    assert add(frugal, session_id, "가" * 3000).status_code == 201
    answer = add(frugal, session_id, "가" * 3000)
    assert answer.status_code == 413
    assert answer.json()["code"] == "storage_full"
    turn = {"text": "가" * 3000, "model": "demo"}
    assert frugal.post(f"/sessions/{session_id}/generations/", json=turn).status_code == 413
    assert add(frugal, session_id, "가").status_code == 201


def test_a_session_holds_so_many_messages(frugal: User) -> None:
    session_id = begin(frugal)
    assert [add(frugal, session_id, "말").status_code for _ in range(6)] == [201] * 5 + [413]


def test_a_user_holds_so_many_bytes(frugal: User) -> None:
    statuses = [add(frugal, begin(frugal), "가" * 3000).status_code for _ in range(4)]
    assert statuses == [201, 201, 201, 413]
    assert frugal.post("/sessions/", json={"system_prompt": "가" * 3000}).status_code == 413
    file = file_of(2, "가" * 1000)
    assert frugal.post("/sessions/import", content=file, headers=JSON).status_code == 413


def test_a_fork_counts_what_it_copies(frugal: User) -> None:
    session_id = begin(frugal)
    message_id = add(frugal, session_id, "가" * 3000).json()["id"]
    body = {"message_id": message_id}
    statuses = [
        frugal.post(f"/sessions/{session_id}/fork", json=body).status_code for _ in range(3)
    ]
    assert statuses == [201, 201, 413]


def test_a_page_holds_so_many_bytes(frugal: User) -> None:
    for _ in range(3):
        begin(frugal, system_prompt="a" * 9000)
    answer = frugal.get("/sessions/?limit=3")
    assert answer.status_code == 400
    assert answer.json()["errors"]["limit"] == ["These are too large together: ask for 2 at most."]
    assert len(frugal.get("/sessions/?limit=2").json()) == 2


# -- texts, and pages that are dear to make -------------------------------------------------------

MARKS = "a" + "\u0316\u0301" * 15_000
"""Marks that are out of order: to order them all takes the square of their number."""


def test_marks_without_an_end_are_put_in_order_soon(server: RiniServer, alice: User) -> None:
    session_id = begin(alice)
    marks = "\u0301\u0316" * 400_000
    began = time.monotonic()
    with undisturbed(server):
        assert httpx.post(f"{server.url}/users/", json={"username": MARKS}).status_code == 400
        login = {"username": MARKS, "password": "나비"}
        assert httpx.post(f"{server.url}/api/users/login", json=login).status_code == 400
        assert alice.get("/search/", params={"q": MARKS[:1000]}).status_code in {200, 400}
        assert add(alice, session_id, marks).status_code == 201
    assert time.monotonic() - began < 10


def test_the_document_of_the_api_is_made_once(start_server: Callable[..., RiniServer]) -> None:
    fresh = start_server()

    def fetch(number: int) -> httpx.Response:
        language = ("en", "ko", "xx", "ja")[number % 4]
        headers = {"Accept-Language": language}
        return httpx.get(f"{fresh.url}/openapi.json", headers=headers, timeout=60)

    with undisturbed(fresh, within=10), ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(fetch, range(24)))
    assert {answer.status_code for answer in answers} == {200}
    began = time.monotonic()
    for number in range(10):
        assert fetch(number).json()["openapi"]
    assert time.monotonic() - began < 5
