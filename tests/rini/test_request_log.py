"""Every request is a line in the log: who asked what of whom, and nothing of what was said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rini.web.request_log import template_of
from tests.conftest import User
from tests.conversations.conftest import eventually, new_session
from tests.conversations.windows import Window
from tests.rini_server import RiniServer
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

SECRET = "비밀-이야기-4711"


def lines(server: RiniServer, request_id: str, event: str = "request") -> list[dict[str, Any]]:
    """The lines of one request, once its own has been written."""

    def found() -> list[dict[str, Any]]:
        parsed = (json.loads(line) for line in server.log.splitlines() if line.startswith("{"))
        return [
            line
            for line in parsed
            if line.get("request_id") == request_id and line["event"] == event
        ]

    return list(eventually(found))


def line_of(server: RiniServer, answer: httpx.Response) -> dict[str, Any]:
    [line] = lines(server, answer.headers["x-request-id"])
    return line


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/", "/", 200),
        ("GET", "/users/me", "/users/me", 200),
        ("GET", "/sessions/?limit=1", "/sessions", 200),
        ("GET", "/messages/4711", "/messages/{pk}", 404),
        ("POST", "/llm/text-completion/", "/llm/text-completion", 400),
        ("GET", "/v1/models", "/v1/models", 200),
        ("DELETE", "/chat/stream/nobody", "/chat/stream/{stream_id}", 404),
        ("GET", "/no/such/thing", "(none)", 404),
        ("PATCH", "/v1/models", "/v1/models", 405),
    ],
)
def test_a_request_is_one_line_with_its_route_and_its_caller(
    alice: User, server: RiniServer, method: str, path: str, route: str, status: int
) -> None:
    line = line_of(server, alice.request(method, path))
    assert (line["method"], line["route"], line["status"]) == (method, route, status)
    assert line["duration_ms"] >= 0
    if route not in {"/", "(none)"} and status not in {405}:
        assert line["user"] == alice.user_id


def test_a_call_of_a_model_names_it_and_nothing_of_what_was_said(
    alice: User, server: RiniServer, stage: Stage
) -> None:
    token = alice.post("/tokens/", json={"name": "ci"}).json()
    body = {"text": SECRET, "provider": "local", "model": "played"}
    headers = {"Authorization": f"Bearer {token['token']}"}
    line = line_of(server, alice.post("/llm/text-completion/", json=body, headers=headers))
    assert (line["provider"], line["model"]) == ("local", "played")
    assert (line["user"], line["token"]) == (alice.user_id, token["id"])
    assert SECRET not in server.log
    assert token["token"] not in server.log


@pytest.mark.parametrize(("vendor_status", "status"), [(401, 400), (429, 429), (500, 502)])
def test_a_failure_of_a_vendor_is_found_by_the_request_id_of_the_answer(
    alice: User, server: RiniServer, stage: Stage, vendor_status: int, status: int
) -> None:
    stage.next(Script(failure=Failure(vendor_status)))
    body = {"text": SECRET, "provider": "local", "model": "played"}
    answer = alice.post("/llm/text-completion/", json=body)
    assert answer.status_code == status
    request_id = answer.json()["request_id"]
    [line] = lines(server, request_id)
    assert line["vendor_status"] == vendor_status
    [failure] = lines(server, request_id, "a vendor failed")
    assert (failure["provider"], failure["vendor_status"]) == ("local", vendor_status)
    assert failure["code"] == answer.json()["code"]


def test_a_websocket_is_a_line_when_it_ends(alice: User, server: RiniServer) -> None:
    session = new_session(alice)
    before = len(server.log)
    with Window(alice, server, session) as window:
        window.ready()
    line = eventually(
        lambda: next((x for x in server.log[before:].splitlines() if "/ws/sessions/{" in x), None)
    )
    assert json.loads(line)["method"] == "WEBSOCKET"
    assert json.loads(line)["user"] == alice.user_id


def test_the_lines_can_be_switched_off_but_for_failures_of_ours(
    start_server: Callable[..., RiniServer], database: None
) -> None:
    quiet = start_server(REQUEST_LOG="0", REDIS_URL="redis://127.0.0.1:1/0")
    with httpx.Client(base_url=quiet.url) as client:
        client.get("/")
        client.get("/livez")
        failed = client.get("/readyz")
    assert failed.status_code == 503
    assert lines(quiet, failed.headers["x-request-id"])
    assert '"/livez"' not in quiet.log
    assert '"/"' not in quiet.log


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        (
            r"^sessions/(?P<session_id>[0-9a-f-]{36})/generations/?$",
            "/sessions/{session_id}/generations",
        ),
        (r"^sessions/(?P<pk>[^/.]+)/?$", "/sessions/{pk}"),
        ("admin/<path:object_id>/change/", "/admin/{object_id}/change"),
        ("", "/"),
    ],
)
def test_a_pattern_is_shown_as_people_write_it(pattern: str, template: str) -> None:
    assert template_of(pattern) == template
