from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from tests.conftest import User
from tests.dialects.openai_client import ASK, GPT, alices, client_of, ledger_row
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

__all__ = ["alices"]
CHAT = "/v1/chat/completions"
streamed = pytest.mark.parametrize("stream", [False, True])


def ask(client: openai.OpenAI, **more: Any) -> openai.APIStatusError:
    """The exception that a call raises."""
    call: dict[str, Any] = {"model": GPT, "messages": ASK, **more}
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**call)
    assert caught.value.body is not None
    return caught.value


@streamed
@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, None, openai.BadRequestError, "provider_refused"),
        (401, None, openai.BadRequestError, "provider_key_invalid"),
        (404, None, openai.NotFoundError, "model_not_found"),
        (400, "context_length_exceeded", openai.BadRequestError, "context_length_exceeded"),
        (400, "content_policy_violation", openai.BadRequestError, "content_filter"),
        (429, None, openai.RateLimitError, "rate_limit_exceeded"),
        (429, "insufficient_quota", openai.RateLimitError, "insufficient_quota"),
        (500, None, openai.InternalServerError, "provider_failed"),
        (503, None, openai.InternalServerError, "provider_unavailable"),
        (504, None, openai.InternalServerError, "provider_timeout"),
    ],
)
def test_what_a_vendor_refuses_is_an_exception_of_the_client(
    alices: openai.OpenAI,
    stage: Stage,
    status: int,
    body: str | None,
    kind: type[openai.APIStatusError],
    code: str,
    stream: bool,
) -> None:
    told = {"error": {"message": "안 돼요", "type": "t", "code": body}} if body else None
    stage.next(Script(failure=Failure(status, told)))
    error = ask(alices, stream=stream)
    assert type(error) is kind
    assert error.code == code
    assert "openai" in error.message
    assert ("retry-after" in error.response.headers) == (kind is openai.RateLimitError)
    assert ledger_row().status == "failed"


def test_a_spent_quota_is_not_asked_again(alices: openai.OpenAI, stage: Stage) -> None:
    told = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    stage.next(Script(failure=Failure(429, told)))
    with pytest.raises(openai.RateLimitError):
        alices.with_options(max_retries=2).chat.completions.create(model=GPT, messages=ASK)
    assert len(stage.calls) == 1


@streamed
def test_a_token_that_is_none(alice: User, stage: Stage, stream: bool) -> None:
    for token in ("rini-wrong", "sk-proj-nonsense"):
        with client_of(alice, token) as client:
            error = ask(client, stream=stream)
        assert type(error) is openai.AuthenticationError
        assert (error.code, error.type) == ("invalid_api_key", "authentication_error")
    assert stage.calls == []


@streamed
@pytest.mark.parametrize("model", ["none-4o", "demo/gpt-4o", "nobody/gpt-4o"])
def test_a_model_that_is_not_there(alices: openai.OpenAI, model: str, stream: bool) -> None:
    error = ask(alices, model=model, stream=stream)
    assert type(error) is openai.NotFoundError
    assert (error.code, error.param) == ("model_not_found", "model")
    assert error.type == "invalid_request_error"


def test_a_model_that_the_token_is_not_for(alice: User, stage: Stage) -> None:
    made = alice.post("/tokens/", json={"name": "앱", "allowed_models": ["demo/demo"]})
    with client_of(alice, made.json()["token"]) as client:
        error = ask(client)
        assert client.chat.completions.create(model="demo/demo", messages=ASK).choices
    assert type(error) is openai.PermissionDeniedError
    assert error.code == "forbidden"
    assert stage.calls == []


def test_a_provider_without_a_key(alice: User) -> None:
    with client_of(alice) as client:
        error = ask(client)
    assert type(error) is openai.BadRequestError
    assert error.code == "provider_key_missing"
    assert "POST /api-keys/" in error.message


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "안녕"}, "messages"),
        ({"messages": [*ASK, "안녕"]}, "messages[1]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": [1]}, "stream_options"),
    ],
)
def test_a_request_that_makes_no_sense_names_its_field(
    alice: User, change: dict[str, Any], param: str
) -> None:
    answer = alice.post(CHAT, json={"model": "demo", "messages": ASK, **change})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["param"], error["type"]) == (param, "invalid_request_error")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff"])
def test_a_body_that_is_no_object(alice: User, body: bytes) -> None:
    answer = alice.post(CHAT, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/models", 405),
        ("GET", "/v1/", 404),
    ],
)
def test_what_there_is_not_is_told_in_the_same_shape(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["x-request-id"]
