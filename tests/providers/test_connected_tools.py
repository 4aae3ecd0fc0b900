"""The tools of connections as models are offered them, against servers that do well and badly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pytest_django import Settings

from accounts.authentication import Caller
from accounts.models import User
from providers.models import McpConnection
from providers.tools import connections
from providers.tools.connected import tools_of
from providers.tools.tool import Tool, ToolResult
from rini.errors import NotFound
from tests.providers.tool_servers import ToolServers, tool_servers

__all__ = ["tool_servers"]


@pytest.fixture(autouse=True)
def _allowed(settings: Settings, tool_servers: ToolServers) -> None:
    settings.EGRESS_ALLOWED_HOSTS = [tool_servers.place]


@pytest.fixture
def caller(database: None) -> Caller:
    return Caller(User.objects.create_user(), None)


def connect(caller: Caller, url: str, **fields: Any) -> McpConnection:
    return connections.create(caller.user, {"name": "wiki", "url": url, **fields})


def offered(caller: Caller, *of: McpConnection) -> dict[str, Tool]:
    """The tools of connections, by their names for models."""
    found = asyncio.run(tools_of(caller, [connection.id for connection in of]))
    return {tool.spec.name: tool for tool in found}


def call(tool: Tool, **arguments: Any) -> ToolResult:
    return asyncio.run(_called(tool, arguments))


async def _called(tool: Tool, arguments: dict[str, Any]) -> ToolResult:
    return await tool.call(arguments)


@pytest.mark.parametrize("path", ["/mcp", "/legacy", "/sse"])
def test_a_tool_is_called_and_answers(caller: Caller, tool_servers: ToolServers, path: str) -> None:
    transport = "sse" if path == "/sse" else "streamable_http"
    tools = offered(caller, connect(caller, tool_servers.url(path), transport=transport))
    found = call(tools["wiki_search_pages"], query="年次休暇")
    assert found == ToolResult(
        "「年次休暇」: 연차 휴가는 십오 일",
        structured={"result": "「年次休暇」: 연차 휴가는 십오 일"},
    )
    assert call(tools["wiki_weather"], city="서울").structured == {"서울": 21.5}
    refused = call(tools["wiki_refuse"])
    assert refused.is_error
    assert "오늘은 쉽니다" in refused.text
    missing = call(tools["wiki_search_pages"], wrong=1)
    assert missing.is_error
    shown = call(tools["wiki_picture"])
    assert shown.text == "여기 그림\n[image, image/png, 5 bytes]\n第一页"


def test_what_a_server_says_of_its_tools_decides_what_may_be_done_with_them(
    caller: Caller, tool_servers: ToolServers
) -> None:
    specs = {
        (approval, tool.spec.name): tool.spec
        for approval in ("never", "changing", "always")
        for tool in offered(
            caller, connect(caller, tool_servers.url("/mcp"), require_approval=approval)
        ).values()
    }
    needed = {key for key, spec in specs.items() if spec.needs_approval}
    assert ("changing", "wiki_picture") in needed
    assert ("changing", "wiki_search_pages") not in needed
    assert ("always", "wiki_search_pages") in needed
    assert {approval for approval, _ in needed} == {"changing", "always"}
    search, weather = specs["never", "wiki_search_pages"], specs["never", "wiki_weather"]
    assert (search.changes, search.is_repeatable) == (False, True)
    assert (weather.changes, weather.is_repeatable) == (True, True)


def test_names_are_valid_with_every_vendor_and_unique_whatever_the_connections_are_called(
    caller: Caller, tool_servers: ToolServers
) -> None:
    url = tool_servers.url("/mcp")
    made = [connect(caller, url, name=name) for name in ("사내 위키", "社内ウィキ", "wiki", "wiki")]
    names = list(offered(caller, *made))
    assert len(names) == 4 * 5
    assert all(name.isascii() and len(name) <= 64 and name[0].isalpha() for name in names)
    assert list(offered(caller, *reversed(made))) != names
    assert sorted(offered(caller, *reversed(made))) == sorted(names)


def test_only_allowed_tools_of_enabled_connections_are_offered(
    caller: Caller, tool_servers: ToolServers
) -> None:
    url = tool_servers.url("/mcp")
    some = connect(caller, url, allowed_tools=["search_pages", "ページを書く", "다른 것"])
    off = connect(caller, url, enabled=False)
    names = offered(caller, some, off)
    assert len(names) == 2
    assert "wiki_search_pages" in names
    assert offered(caller, connect(caller, url, allowed_tools=[])) == {}
    assert offered(caller) == {}


def test_connections_of_others_are_not_found(caller: Caller, tool_servers: ToolServers) -> None:
    other = Caller(User.objects.create_user(), None)
    theirs = connect(other, tool_servers.url("/mcp"))
    with pytest.raises(NotFound, match=str(theirs.id)):
        offered(caller, theirs)


def test_a_server_that_does_not_answer_costs_its_own_tools_alone(
    caller: Caller, tool_servers: ToolServers, settings: Settings
) -> None:
    settings.MCP_LIST_SECONDS = 1.0
    bad = [
        connect(caller, tool_servers.url(f"/hostile/{how}")) for how in ("hang", "500", "packed")
    ]
    good = connect(caller, tool_servers.url("/mcp"))
    assert len(offered(caller, *bad, good)) == 5
    for connection in bad:
        connection.refresh_from_db()
        assert connection.state == "failing"
        assert connection.last_error
    good.refresh_from_db()
    assert (good.state, good.last_error) == ("ready", "")


HOW_CALLS_FAIL = {
    "hangs-later": "within 1 seconds",
    "flood": "more than 100000 bytes",
    "endless": "more than 100000 bytes",
    "breaks": "broke off",
    "lies": "'셋' is not of type 'number'",
}


@pytest.mark.parametrize("how", HOW_CALLS_FAIL)
def test_what_goes_wrong_in_a_call_is_a_result_that_says_so(
    caller: Caller, tool_servers: ToolServers, settings: Settings, how: str
) -> None:
    settings.MCP_CALL_SECONDS = 1.0 if how == "hangs-later" else 30.0
    settings.MCP_ANSWER_BYTES = 100_000
    [tool] = offered(caller, connect(caller, tool_servers.url(f"/hostile/{how}"))).values()
    result = call(tool)
    assert result.is_error
    assert HOW_CALLS_FAIL[how] in result.text


@pytest.mark.parametrize("how", ["exploding", "pattern"])
def test_a_schema_that_takes_for_ever_to_check_is_not_checked(
    caller: Caller, tool_servers: ToolServers, how: str
) -> None:
    [tool] = offered(caller, connect(caller, tool_servers.url(f"/hostile/{how}"))).values()
    assert tool.spec.description == "합니다\ufffd"
    result = call(tool)
    assert (result.text, result.is_error) == ("했습니다", False)
    assert (result.structured is None) == (how == "exploding")


def test_a_tool_whose_schema_is_beyond_bounds_is_left_out(
    caller: Caller, tool_servers: ToolServers
) -> None:
    assert list(offered(caller, connect(caller, tool_servers.url("/hostile/deep")))) == ["wiki_do"]


def test_a_call_that_broke_off_is_repeated_only_if_that_does_no_harm(
    caller: Caller, tool_servers: ToolServers
) -> None:
    tools = offered(caller, connect(caller, tool_servers.url("/hostile/once")))
    before = tool_servers.asked("/hostile/once", "tools/call")
    assert call(tools["wiki_read"]).text == "했습니다"
    assert tool_servers.asked("/hostile/once", "tools/call") == before + 2
    assert call(tools["wiki_write"]).is_error
    assert tool_servers.asked("/hostile/once", "tools/call") == before + 3


def test_a_list_is_remembered_until_its_connection_changes(
    caller: Caller, tool_servers: ToolServers
) -> None:
    connection = connect(caller, tool_servers.url("/legacy"))
    before = tool_servers.asked("/legacy", "tools/list")
    for _ in range(3):
        assert len(offered(caller, connection)) == 5
    assert tool_servers.asked("/legacy", "tools/list") == before + 1
    connections.change(connection, {"name": "새 위키"})
    assert len(offered(caller, connection)) == 5
    assert tool_servers.asked("/legacy", "tools/list") == before + 2


def test_a_long_answer_is_cut_off_and_says_so(
    caller: Caller, tool_servers: ToolServers, settings: Settings
) -> None:
    settings.MCP_TEXT_CHARACTERS = 100
    tools = offered(caller, connect(caller, tool_servers.url("/mcp")))
    result = call(tools["wiki_search_pages"], query="가" * 1000)
    assert result.text.startswith("「" + "가" * 99 + "\n[cut off here: 9")


def test_calls_of_a_server_that_has_failed_thrice_fail_at_once(
    caller: Caller, tool_servers: ToolServers
) -> None:
    [tool] = offered(caller, connect(caller, tool_servers.url("/hostile/breaks"))).values()
    before = tool_servers.asked("/hostile/breaks", "tools/call")
    results = [call(tool) for _ in range(5)]
    assert all(result.is_error for result in results)
    assert tool_servers.asked("/hostile/breaks", "tools/call") == before + 3
    assert "has failed 3 times in a row" in results[-1].text
