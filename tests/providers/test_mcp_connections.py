"""Connections to servers of tools through the API: kept, sealed, tested, and what is wrong told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.db import connection as database_connection

from tests.conftest import User
from tests.providers.tool_servers import ToolServers, tool_servers
from tests.rini_server import RiniServer

__all__ = ["tool_servers"]
SECRET = "Bearer wiki-비밀".encode().hex()


@pytest.fixture(scope="module")
def connecting_server(
    start_server: Callable[..., RiniServer], tool_servers: ToolServers
) -> RiniServer:
    """A server of Rini that may reach the servers of tools, and nothing else on this machine."""
    return start_server(
        EGRESS_ALLOWED_HOSTS=tool_servers.place,
        MCP_LIST_SECONDS="2",
        MCP_ANSWER_BYTES="1000000",
        MAX_MCP_CONNECTIONS="3",
    )


@pytest.fixture
def anna(connecting_server: RiniServer, alice: User) -> Iterator[User]:
    """Alice, as she speaks to that server."""
    with User(connecting_server, alice.account) as anna:
        yield anna


def connect(user: User, url: str, **body: Any) -> str:
    answer = user.post("/mcp-connections/", json={"name": "사내 위키", "url": url, **body})
    assert answer.status_code == 201, answer.text
    connection_id: str = answer.json()["id"]
    return connection_id


def outcome(user: User, connection_id: str) -> dict[str, Any]:
    answer = user.post(f"/mcp-connections/{connection_id}/test")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def shown(user: User, connection_id: str) -> dict[str, Any]:
    told: dict[str, Any] = user.get(f"/mcp-connections/{connection_id}").json()
    return told


@pytest.mark.parametrize(
    ("path", "transport", "version"),
    [
        ("/mcp", "streamable_http", "2026-07-28"),
        ("/legacy", "streamable_http", "2025-11-25"),
        ("/sse", "sse", "2026-07-28"),
    ],
)
def test_a_server_of_either_era_and_transport_tells_its_tools(
    anna: User, tool_servers: ToolServers, path: str, transport: str, version: str
) -> None:
    connection = connect(anna, tool_servers.url(path), transport=transport)
    told = outcome(anna, connection)
    assert told["ok"], told
    assert told["protocol_version"] == version
    assert (told["server_name"], told["tool_count"]) == ("사내 위키", 5)
    tools = {tool["name"]: tool for tool in anna.get(f"/mcp-connections/{connection}/tools").json()}
    search, write = tools["search_pages"], tools["ページを書く"]
    assert search["description"] == "위키에서 찾습니다."
    assert search["parameters"]["required"] == ["query"]
    assert (search["changes"], search["is_repeatable"], search["needs_approval"]) == (
        *(False, True),
        False,
    )
    assert (write["changes"], write["is_repeatable"], write["needs_approval"]) == (
        *(True, False),
        True,
    )
    assert write["title"] == "書く"
    assert tools["weather"]["is_repeatable"]


def test_headers_reach_the_server_and_nobody_else(
    anna: User, tool_servers: ToolServers, connecting_server: RiniServer
) -> None:
    made = anna.post(
        "/mcp-connections/",
        json={
            "name": "위키",
            "url": tool_servers.url("/mcp"),
            "headers": {"Authorization": SECRET},
        },
    )
    assert made.json()["auth"] == "headers"
    connection = made.json()["id"]
    assert outcome(anna, connection)["ok"]
    assert SECRET in {one["authorization"] for one in tool_servers.seen("/mcp")}
    with database_connection.cursor() as cursor:
        cursor.execute("SELECT * FROM providers_mcpconnection")
        rows = repr(cursor.fetchall())
    listed = anna.get("/mcp-connections/").text + shown(anna, connection).__repr__()
    for text in (made.text, listed, rows, connecting_server.log):
        assert SECRET not in text
    assert anna.patch(f"/mcp-connections/{connection}", json={"name": "새 위키"}).json()[
        "auth"
    ] == ("headers")
    assert anna.patch(f"/mcp-connections/{connection}", json={"auth": "none"}).json()["auth"] == (
        "none"
    )
    refused = anna.patch(f"/mcp-connections/{connection}", json={"auth": "headers"})
    assert refused.json()["errors"].keys() == {"headers"}


def test_headers_do_not_follow_to_another_address(anna: User, tool_servers: ToolServers) -> None:
    connection = connect(anna, tool_servers.url("/mcp"), headers={"X-Key": SECRET})
    path = f"/mcp-connections/{connection}"
    moved = {"name": "위키", "url": tool_servers.url("/legacy")}
    for answer in (anna.patch(path, json={"url": moved["url"]}), anna.put(path, json=moved)):
        assert answer.status_code == 400
        assert answer.json()["errors"].keys() == {"headers"}
    assert shown(anna, connection)["url"] == tool_servers.url("/mcp")
    given = anna.put(path, json={**moved, "headers": {"X-Key": "새 것".encode().hex()}})
    assert given.json()["url"] == moved["url"]
    assert anna.put(path, json={**moved, "url": "https://a.example/", "auth": "none"}).is_success


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://mcp.example.org/"}, "url"),
        ({"url": "wiki"}, "url"),
        ({"url": "https://[::"}, "url"),
        ({"url": "http://0177.0.0.1/mcp"}, "url"),
        ({"url": "https://me:secret@mcp.example.org/"}, "url"),
        ({"transport": "stdio"}, "transport"),
        ({"headers": {"이름": "a"}}, "headers"),
        ({"headers": {"X-Key": "a\nb: c"}}, "headers"),
        ({"headers": {"X-Key": "비밀"}}, "headers"),
        ({"headers": {"Host": "inside"}}, "headers"),
        ({"headers": {"X-Key": 5}}, "headers"),
        ({"headers": {f"X-{n}": "a" for n in range(21)}}, "headers"),
        ({"auth": "headers"}, "headers"),
        ({"auth": "none", "headers": {"X-Key": "a"}}, "auth"),
        ({"require_approval": "sometimes"}, "require_approval"),
        ({"allowed_tools": [1]}, "allowed_tools.0"),
        ({"comand": "rm"}, "comand"),
    ],
)
def test_what_is_no_connection_is_refused(alice: User, body: dict[str, Any], field: str) -> None:
    whole = {"name": "위키", "url": "https://mcp.example.org/mcp", **body}
    answer = alice.post("/mcp-connections/", json=whole)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["errors"]


def test_there_is_a_most_of_connections(anna: User) -> None:
    for _ in range(3):
        connect(anna, "https://mcp.example.org/mcp")
    body = {"name": "네 번째", "url": "https://mcp.example.org/mcp"}
    answer = anna.post("/mcp-connections/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "limit_reached")


WRONG = {
    "hang": ("tool_server_failed", "within 2 seconds"),
    "401": ("tool_server_unauthorized", "wants to know who calls (401)"),
    "403": ("tool_server_unauthorized", "wants to know who calls (403)"),
    "404": ("tool_server_failed", "nothing at this address that speaks MCP (404)"),
    "500": ("tool_server_failed", "It answered 500."),
    "html": ("tool_server_failed", "text/html"),
    "redirect": ("tool_server_failed", "redirects to http://127.0.0.1:1/inside."),
    "packed": ("tool_server_failed", "more than 1000000 bytes"),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_test_tells_what_is_wrong_and_the_connection_keeps_it(
    anna: User, tool_servers: ToolServers, how: str
) -> None:
    connection = connect(anna, tool_servers.url(f"/hostile/{how}"))
    told = outcome(anna, connection)
    code, said = WRONG[how]
    assert (told["ok"], told["code"]) == (False, code)
    assert said in told["detail"], told["detail"]
    kept = shown(anna, connection)
    assert kept["last_error"] == told["detail"]
    is_unauthorized = code == "tool_server_unauthorized"
    assert kept["state"] == ("needs_authorization" if is_unauthorized else "failing")
    tools = anna.get(f"/mcp-connections/{connection}/tools")
    assert (tools.status_code, tools.json()["code"]) == (502, code)
    anna.patch(f"/mcp-connections/{connection}", json={"url": tool_servers.url("/mcp")})
    assert shown(anna, connection)["state"] == "ready"
    assert outcome(anna, connection)["ok"]


def test_a_server_that_quotes_a_header_back_has_it_taken_out(
    anna: User, tool_servers: ToolServers
) -> None:
    url = tool_servers.url("/hostile/echo")
    connection = connect(anna, url, headers={"Authorization": SECRET})
    assert outcome(anna, connection)["detail"] == "사내 위키: It says: no: [secret]"


INSIDE = [
    "http://127.0.0.1:{port}/mcp",
    "http://localhost:{port}/mcp",
    "http://[::1]:{port}/mcp",
    "http://2130706433:{port}/mcp",
    "http://0x7f.1:{port}/mcp",
    "http://[::ffff:127.0.0.1]:{port}/mcp",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/mcp",
    "http://[fd00:ec2::254]/mcp",
    "http://[64:ff9b::7f00:1]:{port}/mcp",
    "http://0.0.0.0:{port}/mcp",
]


@pytest.mark.parametrize("transport", ["streamable_http", "sse"])
@pytest.mark.parametrize("url", INSIDE)
def test_no_connection_leads_inside(
    alice: User, tool_servers: ToolServers, url: str, transport: str
) -> None:
    before = len(tool_servers.seen())
    url = url.format(port=tool_servers.port)
    connection = connect(alice, url, transport=transport)
    told = outcome(alice, connection)
    assert told["code"] in {"address_refused", "tool_server_failed"}
    assert told["ok"] is False
    assert len(tool_servers.seen()) == before
    assert alice.get(f"/mcp-connections/{connection}/tools").status_code in {400, 502}


def test_a_reader_uses_a_connection_and_learns_none_of_its_secrets(
    anna: User, bob: User, connecting_server: RiniServer, tool_servers: ToolServers
) -> None:
    url = tool_servers.url("/mcp?key=비밀")
    connection = connect(anna, url, headers={"X-Key": SECRET})
    with User(connecting_server, bob.account) as ben:
        assert ben.get(f"/mcp-connections/{connection}").status_code == 404
        share = {"user_id": bob.user_id}
        assert anna.put(f"/shares/mcp-connections/{connection}", json=share).is_success
        told = shown(ben, connection)
        assert (told["url"], told["my_access"]) == (tool_servers.url("/"), "read")
        assert outcome(ben, connection)["ok"]
        assert (
            ben.patch(f"/mcp-connections/{connection}", json={"name": "내 것"}).status_code == 403
        )
        share["access"] = "write"
        assert anna.put(f"/shares/mcp-connections/{connection}", json=share).is_success
        stolen = ben.patch(f"/mcp-connections/{connection}", json={"url": "https://evil.example/"})
        assert stolen.status_code == 400
        assert ben.delete(f"/mcp-connections/{connection}").status_code == 403
    assert anna.delete(f"/mcp-connections/{connection}").status_code == 204


def test_messages_are_in_the_language_of_the_request(anna: User) -> None:
    connection = connect(anna, "http://127.0.0.1:9/mcp")
    answer = anna.get(
        f"/mcp-connections/{connection}/tools", headers={"Accept-Language": "ko"}
    ).json()
    assert answer["code"] == "address_refused"
    assert "공개" in answer["detail"]


def test_operators_see_connections_without_what_may_be_secret(
    alice: User, olga: User, server: RiniServer
) -> None:
    connect(alice, "https://mcp.example.org/mcp?key=wiki-0123")
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        page = browser.get("/admin/login/")
        form = {
            "username": "olga",
            "password": "올가의 긴 암호 2468",
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/providers/mcpconnection/",
        }
        assert page.is_success
        page = browser.post("/admin/login/", data=form, headers={"Referer": str(page.url)})
        assert "mcp.example.org" in page.text
        assert "wiki-0123" not in page.text


def test_a_tool_that_its_server_changes_waits_for_approval_until_it_is_accepted(
    anna: User, tool_servers: ToolServers
) -> None:
    """What was shown when somebody agreed is not what is called: the "rug pull"."""
    url = tool_servers.url("/hostile/changes")
    connection = connect(anna, url, require_approval="never")

    def tools() -> dict[str, dict[str, Any]]:
        assert outcome(anna, connection)["ok"]
        listed = anna.get(f"/mcp-connections/{connection}/tools").json()
        return {tool["name"]: tool for tool in listed}

    assert {tool["needs_approval"] for tool in tools().values()} == {False}
    changed = tools()
    assert {(tool["is_changed"], tool["needs_approval"]) for tool in changed.values()} == {
        (True, True)
    }
    path = f"/mcp-connections/{connection}/accept"
    assert anna.post(path, json={"tools": {"do": "0" * 64}}).is_success
    assert tools()["do"]["is_changed"]
    for wrong in ({"tools": {"do": "그것"}}, {"tools": ["do"]}, {}):
        assert anna.post(path, json=wrong).status_code == 400
    assert anna.post(path, json={"tools": {"do": changed["do"]["digest"]}}).is_success
    now = tools()
    assert (now["do"]["is_changed"], now["do"]["needs_approval"]) == (False, False)
    assert now.keys() - {"do"} != changed.keys() - {"do"}
    assert all(tool["is_changed"] for name, tool in now.items() if name != "do")


def test_a_server_that_fails_again_and_again_is_left_alone_but_can_be_tested(
    anna: User, tool_servers: ToolServers
) -> None:
    connection = connect(anna, tool_servers.url("/hostile/recovers"))
    tools = f"/mcp-connections/{connection}/tools"
    assert [anna.get(tools).json()["code"] for _ in range(3)] == ["tool_server_failed"] * 3
    asked = tool_servers.asked("/hostile/recovers", "tools/list")
    resting = anna.get(tools)
    assert (resting.status_code, resting.json()["code"]) == (503, "tool_server_resting")
    assert 0 < int(resting.headers["Retry-After"]) <= 15
    assert "It answered 500." in shown(anna, connection)["last_error"]
    assert tool_servers.asked("/hostile/recovers", "tools/list") == asked
    assert outcome(anna, connection)["ok"]
    assert anna.get(tools).is_success
