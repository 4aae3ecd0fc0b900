"""Bodies of JSON: types are strict, `null` means nothing, and no field is dropped in silence."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.conftest import User
from tests.rini_server import RiniServer

TEXT = {"text": "안녕", "provider": "demo", "model": "demo"}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/llm/text-completion/", {**TEXT, "text": 5}, "text"),
        ("/llm/text-completion/", {**TEXT, "stream": "yes"}, "stream"),
        ("/llm/chat-completions/", {"messages": [{"role": "user", "content": 5}]}, "messages.0"),
        ("/api-keys/", {"model_provider": "openai", "api_key_value": 5}, "api_key_value"),
        ("/api-keys/", {"model_provider": "openai", "api_key_value": True}, "api_key_value"),
        ("/tokens/", {"name": 5}, "name"),
        ("/tokens/", {"name": "x", "requests_per_minute": "5"}, "requests_per_minute"),
        ("/sessions/", {"alias": 5}, "alias"),
        ("/sessions/", {"pinned": 1}, "pinned"),
        ("/sessions/", {"tags": ["a", 5]}, "tags.1"),
        ("/users/", {"username": 5}, "username"),
        ("/auth/token", {"username": "x", "password": 5}, "password"),
    ],
)
def test_another_type_than_the_fields_is_refused(
    alice: User, path: str, body: dict[str, Any], field: str
) -> None:
    answer = alice.post(path, json=body)
    assert answer.status_code == 400, answer.text
    assert any(name.startswith(field) for name in answer.json()["errors"]), answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/llm/text-completion/", {**TEXT, "llm_params": None, "stream": None}),
        ("/sessions/", {"alias": None, "system_prompt": None, "llm_params": None, "tags": None}),
        ("/sessions/", {"metadata": None, "memory_mode": None, "description": None}),
        ("/tokens/", {"name": "x", "expires_at": None, "allowed_models": None}),
        (
            "/api-keys/",
            {"model_provider": "openai", "api_key_value": "sk-0123456789", "description": None},
        ),
        ("/knowledge-bases/", {"name": "x", "description": None}),
    ],
)
def test_null_is_as_if_a_field_was_left_out(alice: User, path: str, body: dict[str, Any]) -> None:
    assert alice.post(path, json=body).is_success, alice.post(path, json=body).text


@pytest.mark.parametrize("name", ["max_tokens", "temperature", "stop"])
def test_a_parameter_of_the_model_is_sent_to_its_place(alice: User, name: str) -> None:
    answer = alice.post("/llm/text-completion/", json={**TEXT, name: 1})
    assert answer.status_code == 400
    assert "`llm_params`" in answer.json()["errors"][name][0]


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("/sessions/", "system_promt", "system_prompt"),
        ("/tokens/", "expires", "expires_at"),
        ("/llm/text-completion/", "modell", "model"),
        ("/knowledge-bases/", "descripton", "description"),
    ],
)
def test_a_misspelt_field_is_refused_and_its_name_given(
    alice: User, path: str, wrong: str, right: str
) -> None:
    answer = alice.post(path, json={wrong: "x"})
    assert answer.status_code == 400
    assert f"“{right}”" in answer.json()["errors"][wrong][0]


def test_a_field_inside_another_is_checked_too(alice: User) -> None:
    message = {"role": "user", "content": "?", "contnet": "?"}
    body = {"messages": [message], "provider": "demo", "model": "demo"}
    answer = alice.post("/llm/chat-completions/", json=body)
    assert answer.status_code == 400
    assert "messages.0.contnet" in answer.json()["errors"]


def test_what_an_api_shows_may_be_sent_back_to_it(alice: User) -> None:
    session = alice.post("/sessions/", json={"alias": "하나"}).json()
    answer = alice.patch(f"/sessions/{session['id']}/", json={**session, "alias": "둘"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["alias"] == "둘"


def test_the_detail_is_the_first_of_the_errors(alice: User) -> None:
    answer = alice.post("/sessions/", json={"pinned": "yes"}).json()
    assert answer["detail"] == "pinned: Give true or false."


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/sessions/", "/llm/text-completion/", "/chat"]
)
def test_a_compressed_body_is_refused_as_such(alice: User, path: str) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = alice.post(path, content=gzip.compress(b"{}"), headers=headers)
    assert answer.status_code == 415
    assert "Content-Encoding" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/models", "GET"),
        ("GET", "/v1/messages", "POST"),
        ("PATCH", "/chat", "POST"),
        ("GET", "/api/chat", "POST"),
        ("GET", "/llm/embeddings/", "POST"),
        ("POST", "/livez", "GET, HEAD"),
        ("POST", "/readyz", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_possible_says_which_are(
    alice: User, method: str, path: str, allowed: str
) -> None:
    answer = alice.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert "json" in answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_has_no_options_and_asks_nobody_else(alice: User, path: str) -> None:
    assert alice.options(path).status_code == 405
    page = alice.get(path).text
    assert "googleapis" not in page
    assert "cdn." not in page


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/api/rag/nothing", "error"),
        ("/api/conversations/nothing/here", "error"),
        ("/api/sessions/a/b/c", "detail"),
        ("/chat/nothing", "detail"),
        ("/v1/nothing", "error"),
        ("/v1/messages/nothing", "error"),
    ],
)
def test_what_is_not_there_is_said_in_the_shape_of_its_api(
    alice: User, server: RiniServer, path: str, key: str
) -> None:
    answer = alice.get(path)
    assert answer.status_code == 404
    assert key in answer.json()
    assert "title" not in answer.json()
