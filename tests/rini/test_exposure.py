"""Under which names Rini answers, what bodies it takes for JSON, what it tells browsers, and what
it says at its start of what is open."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from rini.environment import addresses
from tests.conftest import User
from tests.rini_server import RiniServer

PATHS = ("/livez", "/v1/models", "/users/me", "/docs", "/admin/login/", "/nowhere")
QUESTION = {"text": "?", "provider": "demo", "model": "demo"}


@pytest.fixture(scope="module")
def named(start_server: Callable[..., RiniServer]) -> RiniServer:
    """A server with names, as one's own machine has them."""
    names = ",".join([*addresses.names_of("127.0.0.1"), "rini_web", ".example.com"])
    return start_server(
        ALLOWED_HOSTS=names, BEHIND_TLS_PROXY="true", ANONYMOUS_ACCESS="true", DEBUG="true"
    )


def get(server: RiniServer, path: str, host: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", headers={"Host": host}, timeout=30)


def test_an_installation_of_ones_own_has_the_loopbacks_names() -> None:
    assert addresses.names_of("127.0.0.1") == ["127.0.0.1", "localhost", "[::1]"]
    assert addresses.names_of("192.0.2.4")[-1] == "192.0.2.4"
    assert addresses.names_of("::") == ["127.0.0.1", "localhost", "[::1]"]
    assert addresses.names_of("2001:db8::1")[-1] == "[2001:db8::1]"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "rini.evil", "127.0.0.1.evil.example", "", "a b"])
def test_a_name_that_nobody_allowed_gets_nothing(named: RiniServer, path: str, host: str) -> None:
    answer = get(named, path, host)
    assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")
    assert "ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    ["localhost:8000", "LOCALHOST", "[::1]:8000", "rini_web:8000", "a.example.com", "localhost."],
)
def test_allowed_names_are_served_on_every_route(named: RiniServer, path: str, host: str) -> None:
    assert get(named, path, host).status_code in {200, 401, 404}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
@pytest.mark.parametrize("path", ["/chat", "/api/sessions", "/api/users/login", "/users/"])
def test_a_strangers_page_cannot_have_its_visitor_ask(
    named: RiniServer, path: str, content_type: str
) -> None:
    """These are what a browser sends to anywhere without asking first."""
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({"message": "돈"}).encode()
    request = httpx.Request("POST", f"{named.url}{path}", content=body, headers=headers)
    with httpx.Client(timeout=30) as page:
        answer = page.send(request)
    assert answer.status_code == 415, answer.text


@pytest.mark.parametrize("path", ["/llm/text-completion/", "/v1/chat/completions", "/sessions/"])
def test_other_bodies_are_no_json_with_a_token_either(alice: User, path: str) -> None:
    answer = alice.post(path, content=json.dumps(QUESTION), headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_is_json_however_it_is_spelt(alice: User, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    body = json.dumps(QUESTION)
    assert alice.post("/llm/text-completion/", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_tells_browsers_what_it_is(named: RiniServer, path: str) -> None:
    headers = httpx.get(f"{named.url}{path}", timeout=30).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["strict-transport-security"] == "max-age=31536000"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert "script-src" not in policy  # what `default-src` says: nothing, or our own files
    assert policy.startswith("default-src 'none'" if "html" not in headers["content-type"] else "")


def test_without_tls_browsers_are_not_told_to_insist_on_it(server: RiniServer) -> None:
    assert "strict-transport-security" not in httpx.get(f"{server.url}/livez").headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/admin/login/"])
def test_pages_have_no_script_of_their_own(server: RiniServer, path: str) -> None:
    page = httpx.get(f"{server.url}{path}", timeout=30).text
    scripts = [piece.partition("</script>")[0] for piece in page.split("<script")[1:]]
    assert all("src=" in script.partition(">")[0] for script in scripts)


def test_what_is_open_is_said_at_the_start(named: RiniServer, server: RiniServer) -> None:
    said = [line for line in named.log.splitlines() if '"open: ' in line]
    for variable in ("OPEN_REGISTRATION", "ANONYMOUS_ACCESS", "LEND_OPERATOR_KEYS", "DEBUG"):
        assert sum(variable in line for line in said) == 1
    assert not any("ALLOWED_HOSTS" in line for line in said)
    assert "ALLOWED_HOSTS" in server.log


def test_with_servers_of_ones_own_everything_is_closed(
    start_server: Callable[..., RiniServer], server_environment: dict[str, str]
) -> None:
    unsaid = dict.fromkeys(
        ("OPEN_REGISTRATION", "LEND_OPERATOR_KEYS", "REGISTRATIONS_PER_HOUR"), ""
    )
    environment = {k: v for k, v in server_environment.items() if k not in unsaid}
    closed = RiniServer(environment)
    try:
        answer = httpx.post(f"{closed.url}/users/", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")
        assert "OPEN_REGISTRATION" not in closed.log
        assert "LEND_OPERATOR_KEYS" not in closed.log
    finally:
        closed.kill()
