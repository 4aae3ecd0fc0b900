"""A request that cannot be answered stores nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings

from tests.conftest import User
from tests.conversations.conftest import stored
from tests.vendors.stage import Stage

ADDRESS = "/llm/text-completion/"
GOOD = {"text": "질문", "provider": "local", "model": "m"}


@pytest.fixture(autouse=True)
def _nothing_is_stored(session: str, stage: Stage) -> Iterator[None]:
    before = stored()
    yield
    assert stored() == before
    assert stage.calls == []


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"text=hello",
        b'{"text": "a", "provider": NaN}',
        b"[]",
        b'"text"',
        b"null",
        b'{"text": "\xff\xfe"}',
        b'{"text": "half \\ud83d of a pair"}',
        b'{"text": "zero \\u0000"}',
        b'{"text": "zero \x00"}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("address", [ADDRESS, "/llm/chat-completions/"])
def test_a_body_that_is_no_json_object_is_refused(alice: User, address: str, body: bytes) -> None:
    refused(alice.post(address, content=body), 400, "invalid_input")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": " \n\t　"}, "text"),
        ({"text": None}, "text"),
        ({"text": 5}, "text"),
        ({"text": ["질문"]}, "text"),
        ({"text": "글" * 1_000_001}, "text"),
        ({"provider": ["local"]}, "provider"),
        ({"provider": "x" * 51}, "provider"),
        ({"model": {}}, "model"),
        ({"model": ""}, "model"),
        ({"model": "x" * 252}, "model"),
        ({"stream": "perhaps"}, "stream"),
        ({"llm_params": []}, "llm_params"),
        ({"llm_params": "temperature"}, "llm_params"),
        ({"session_id": "not-an-id"}, "session_id"),
        ({"parent_message_id": "first"}, "parent_message_id"),
        ({"parent_message_id": 0}, "parent_message_id"),
        ({"parent_message_id": 2**63}, "parent_message_id"),
        ({"parent_message_id": 1.5}, "parent_message_id"),
    ],
    ids=str,
)
def test_a_field_of_a_wrong_kind_is_refused_by_its_name(
    alice: User, session: str, change: dict[str, Any], field: str
) -> None:
    body = {**GOOD, "session_id": session, **change}
    assert field in refused(alice.post(ADDRESS, json=body), 400, "invalid_input")["errors"]
    answer = alice.post(f"/sessions/{session}/generations/", json=body)
    assert field in refused(answer, 400, "invalid_input")["errors"]


def test_a_missing_text_is_refused(alice: User) -> None:
    answer = alice.post(ADDRESS, json={"provider": "demo", "model": "demo"})
    assert "text" in refused(answer, 400, "invalid_input")["errors"]


@pytest.mark.parametrize(
    ("names", "field", "code"),
    [
        ({"provider": "nobody", "model": "m"}, "provider", "provider_not_found"),
        ({"provider": "openai", "model": "gpt-0"}, "model", "model_not_found"),
        ({"model": "gpt-0"}, "model", "model_not_found"),
        ({"provider": "local"}, "model", "invalid_input"),
        ({}, "model", "invalid_input"),
    ],
    ids=str,
)
def test_an_unknown_provider_or_model_is_refused(
    alice: User, session: str, names: dict[str, str], field: str, code: str
) -> None:
    for more in ({}, {"session_id": session}, {"session_id": session, "stream": True}):
        answer = alice.post(ADDRESS, json={"text": "질문", **names, **more})
        assert field in refused(answer, 400, code)["errors"]


def test_a_vendor_without_a_key_is_refused_with_what_to_do(alice: User, session: str) -> None:
    body = {"text": "질문", "provider": "openai", "model": "gpt-4o-mini", "session_id": session}
    answer = alice.post(ADDRESS, json=body)
    assert "/api-keys/" in refused(answer, 400, "provider_key_missing")["detail"]


@pytest.mark.parametrize(
    "name",
    ["model", "messages", "stream", "stream_options", "n", "api_base", "base_url", "api_key"],
)
def test_parameters_do_not_override_what_the_request_says(
    alice: User, session: str, name: str
) -> None:
    body = {**GOOD, "session_id": session, "llm_params": {name: "http://evil.example"}}
    problem = refused(alice.post(ADDRESS, json=body), 400, "invalid_input")
    assert name in problem["errors"]["llm_params"][0]


def test_a_body_above_the_limit_is_refused_unread(alice: User) -> None:
    huge = b'{"text": "' + b"x" * settings.MAX_REQUEST_BYTES + b'"}'
    refused(alice.post(ADDRESS, content=huge), 413, "too_large")
    json = {"Content-Type": "application/json"}
    refused(alice.post("/sessions/", content=huge, headers=json), 413, "too_large")


def test_a_body_above_the_limit_without_a_length_is_refused(alice: User) -> None:
    pieces = (b"x" * 1_000_000 for _ in range(settings.MAX_REQUEST_BYTES // 1_000_000 + 2))
    refused(alice.post(ADDRESS, content=pieces), 413, "too_large")


def test_a_parent_without_a_session_is_refused(alice: User) -> None:
    answer = alice.post(ADDRESS, json={**GOOD, "parent_message_id": 1})
    assert "parent_message_id" in refused(answer, 400, "invalid_input")["errors"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_is_refused(alice: User, method: str) -> None:
    refused(alice.request(method, ADDRESS), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "header",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}],
    ids=str,
)
def test_nobody_without_a_token_asks_a_model(
    client: httpx.Client, session: str, header: dict[str, str]
) -> None:
    for address in (
        ADDRESS,
        "/llm/chat-completions/",
        f"/sessions/{session}/generations/",
        f"/generations/{uuid4()}/stop",
    ):
        refused(client.post(address, json=GOOD, headers=header), 401, "not_authenticated")
    answer = client.get(f"/generations/{uuid4()}/events", headers=header)
    refused(answer, 401, "not_authenticated")
