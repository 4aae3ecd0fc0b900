"""What every answer has, whichever side of the application gives it."""

from __future__ import annotations

import re
import socket
from typing import Any

import httpx
import pytest
from django.utils import translation
from rest_framework import serializers

from rini.errors import InvalidInput
from rini.web.http import validated
from tests.conftest import User
from tests.rini_server import RiniServer

HOT, DJANGO = "/llm/text-completion/", "/sessions/"
both_sides = pytest.mark.parametrize("address", [HOT, DJANGO])


@both_sides
def test_an_answer_repeats_the_callers_request_id(client: httpx.Client, address: str) -> None:
    answer = client.post(address, headers={"X-Request-ID": "trace.me-01234"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "trace.me-01234"


@both_sides
@pytest.mark.parametrize("given", ["short", "x" * 65, "with blanks inside", "<b>markup</b>"])
def test_an_odd_request_id_is_replaced(client: httpx.Client, address: str, given: str) -> None:
    answer = client.post(address, headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_an_unknown_address_is_a_problem(client: httpx.Client) -> None:
    answer = client.get("/no/such/thing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


@both_sides
def test_another_method_is_a_problem(alice: User, address: str) -> None:
    answer = alice.delete(address)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["content-type"] == "application/problem+json"


@both_sides
def test_a_broken_body_says_where_it_is_broken(alice: User, address: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = alice.post(address, content=b'{"text": }', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert "column" in answer.json()["detail"]


def test_a_path_with_an_id_that_is_none_is_not_there(alice: User) -> None:
    for address in ("/generations/x/stop", "/sessions/1/generations/", "/sessions/1/messages/"):
        assert alice.post(address).status_code == 404


class Short(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=2)


def test_every_language_gets_its_own_messages() -> None:
    said = []
    for language in ("ko", "en", "ja", "ko"):
        with translation.override(language), pytest.raises(InvalidInput) as refused:
            validated(Short, {"text": "너무 길다"})
        said.append(str(refused.value.errors))
    assert said[0] == said[3]
    assert len(set(said)) == 3


@pytest.mark.parametrize("address", [HOT, "/v1/chat/completions"])
def test_a_large_body_is_not_read_before_its_sender_is_known(
    server: RiniServer, address: str
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
        caller.sendall(
            f"POST {address} HTTP/1.1\r\nHost: rini\r\nContent-Length: 10000000\r\n\r\n".encode()
        )
        assert caller.recv(1000).startswith(b"HTTP/1.1 401")
