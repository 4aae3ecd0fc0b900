"""What every route below sessions and messages has in common."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import User
from tests.conversations.conftest import new_session
from tests.conversations.test_messages import say
from tests.vendors.stage import Stage

ASKED = {"provider": "local", "model": "m"}
# Method, address, a good body, and the status of success.
ROUTES: list[tuple[str, str, Any, int]] = [
    ("GET", "/sessions", None, 200),
    ("POST", "/sessions", {}, 201),
    ("GET", "/sessions/{session}", None, 200),
    ("PUT", "/sessions/{session}", {"alias": "가"}, 200),
    ("PATCH", "/sessions/{session}", {"alias": "나"}, 200),
    ("GET", "/sessions/{session}/messages", None, 200),
    ("POST", "/sessions/{session}/messages", {"role": "user", "content": "다"}, 201),
    ("GET", "/sessions/{session}/tree", None, 200),
    ("GET", "/sessions/{session}/summary", None, 200),
    ("GET", "/sessions/{session}/export", None, 200),
    ("POST", "/sessions/{session}/fork", {"message_id": "{question}"}, 201),
    ("POST", "/sessions/{session}/title", ASKED, 200),
    ("GET", "/messages/{question}", None, 200),
    ("GET", "/messages/{question}/history", None, 200),
    ("POST", "/messages/{question}/edit", {"content": "라", **ASKED}, 200),
    ("POST", "/messages/{answer}/regenerate", ASKED, 200),
    ("GET", "/search?q=마", None, 200),
    ("DELETE", "/sessions/{session}", None, 204),
]
IMPORT = {"format": "rini.session", "version": 1, "session": {}, "messages": []}
ROUTES.append(("POST", "/sessions/import", IMPORT, 201))
OWNED = [route for route in ROUTES if "{" in route[1]]


@pytest.fixture
def ids(alice: User, session: str, stage: Stage) -> dict[str, Any]:
    """The ids of a session of alice's and of its two messages."""
    said = say(alice, session, "마음")
    return {
        "session": session,
        "question": said["user_message"]["id"],
        "answer": said["assistant_message"]["id"],
    }


def send(
    user: httpx.Client, route: tuple[str, str, Any, int], ids: dict[str, Any], slash: str = ""
) -> httpx.Response:
    method, address, body, _ = route
    path, _, query = address.format(**ids).partition("?")
    if body and body.get("message_id"):
        body = {"message_id": ids["question"]}
    url = path + slash + (f"?{query}" if query else "")
    return user.request(method, url, json=body) if body is not None else user.request(method, url)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_every_route_answers_with_and_without_its_slash(
    alice: User, ids: dict[str, Any], route: tuple[str, str, Any, int], slash: str
) -> None:
    answer = send(alice, route, ids, slash)
    assert answer.status_code == route[3], answer.text
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_no_route_answers_without_a_token(
    client: httpx.Client, ids: dict[str, Any], route: tuple[str, str, Any, int]
) -> None:
    answer = send(client, route, ids)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("route", OWNED, ids=lambda route: f"{route[0]} {route[1]}")
def test_what_is_of_others_is_not_there(
    alice: User, bob: User, ids: dict[str, Any], route: tuple[str, str, Any, int]
) -> None:
    mine = new_session(bob)
    answer = send(bob, route, ids)
    nowhere = send(bob, route, {"session": uuid4(), "question": 2**40, "answer": 2**40})
    for refused in (answer, nowhere):
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert alice.get(f"/sessions/{ids['session']}").status_code == 200
    assert bob.get(f"/sessions/{mine}/messages/").json() == []


@pytest.mark.parametrize(
    "address", ["/messages/" + "9" * 18, "/messages/" + "9" * 30, "/messages/x", "/messages/-1"]
)
def test_an_id_that_cannot_be_is_not_there(alice: User, address: str) -> None:
    assert alice.get(address).status_code == 404


def test_every_route_is_in_the_openapi_document(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    described = {
        (method.upper(), without_names(path)): operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    for method, address, _, status in ROUTES:
        operation = described[method, without_names(address)]
        assert {str(status), "401"} <= set(operation["responses"]), address


def without_names(address: str) -> str:
    path = address.partition("?")[0].rstrip("/")
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
