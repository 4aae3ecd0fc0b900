"""Answers that act: what tools a model is offered, what comes of its calls, and what never does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from billing.models import UsageRecord
from conversations import tasks
from conversations.tool_models import ToolCall as Row
from tests.conftest import User
from tests.conversations.conftest import eventually, generate, new_session
from tests.conversations.reading import events_of
from tests.conversations.windows import Window
from tests.knowledge.test_knowledge_bases import filled
from tests.providers.tool_servers import ToolServers, tool_servers
from tests.rini_server import RiniServer
from tests.vendors.script import Script, ToolCall
from tests.vendors.stage import Stage

__all__ = ["filled", "tool_servers"]
PLAYED = {"provider": "local", "model": "played"}


def calls(*wanted: tuple[str, dict[str, Any]], **script: Any) -> Script:
    """A model that asks for these calls."""
    told = [
        ToolCall(f"call_{number}", name, orjson.dumps(arguments).decode())
        for number, (name, arguments) in enumerate(wanted)
    ]
    return Script(**{"pieces": [], "tool_calls": told, "finish": "tool_calls", **script})


def ask(user: User, session: str | None, text: str = "질문", **body: Any) -> dict[str, Any]:
    body = {**PLAYED, "text": text, "session_id": session, **body}
    answer = user.post("/llm/text-completion/", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def told(stage: Stage, number: int = -1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = stage.calls_of(model="played")[number].body["messages"]
    return messages


def test_a_tool_is_called_and_the_model_answers_with_what_came(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(calls(("current_time", {"timezone": "Asia/Seoul"})), Script(pieces=["정오입니다."]))
    answer = ask(alice, session, "몇 시야?", tools=["current_time"])
    assert answer["response_text"] == "정오입니다."
    first, second = stage.calls_of(model="played")
    assert [tool["function"]["name"] for tool in first.body["tools"]] == ["current_time"]
    assert first.body["tool_choice"] == "auto"
    assert second.body["tool_choice"] == "none"
    *_, asked, result = second.body["messages"]
    assert asked["tool_calls"][0]["function"]["name"] == "current_time"
    assert (result["role"], result["tool_call_id"]) == ("tool", "call_0")
    assert "Asia/Seoul" in result["content"]
    [made] = answer["assistant_message"]["tool_calls"]
    assert made["function"] == {"name": "current_time", "arguments": '{"timezone":"Asia/Seoul"}'}
    assert (made["result"], made["is_error"]) == (result["content"], False)
    [row] = alice.get("/tool-calls/").json()
    assert (row["state"], row["result"], row["waits"]) == ("done", result["content"], False)


def test_each_step_is_paid_for_and_the_message_has_their_sum(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(calls(("current_time", {})), Script(pieces=["네"]))
    message = ask(alice, session, tools=["current_time"])["assistant_message"]
    rows = UsageRecord.objects.filter(message_id=message["id"])
    assert rows.count() == 2
    assert message["completion_tokens"] == sum(row.output_tokens or 0 for row in rows)
    assert message["prompt_tokens"] == sum(row.input_tokens or 0 for row in rows)


def test_readers_hear_of_every_call(alice: User, session: str, stage: Stage) -> None:
    stage.next(
        calls(("current_time", {}), ("current_time", {"timezone": "Nowhere/At"}), pieces=["보자."]),
        Script(pieces=["끝."]),
    )
    begun = generate(alice, session, tools=["current_time"])
    events = events_of(alice.get(f"/generations/{begun['id']}/events"))
    types = [event.type for event in events if event.type.startswith("tool.")]
    assert types[:2] == ["tool.called", "tool.called"]
    assert sorted(types[2:]) == ["tool.completed"] * 2 + ["tool.running"] * 2
    ended = [event.data for event in events if event.type == "tool.completed"]
    assert sorted(one["is_error"] for one in ended) == [False, True]
    assert "".join(e.data["text"] for e in events if e.type == "text.delta") == "보자.\n\n끝."


def test_a_model_is_told_what_was_wrong_with_its_call(
    alice: User, session: str, stage: Stage
) -> None:
    broken = Script(
        pieces=[],
        tool_calls=[
            ToolCall("a", "no_such_tool", "{}"),
            ToolCall("b", "current_time", "[1"),
            ToolCall("c", "current_time", ""),
        ],
        finish="tool_calls",
    )
    stage.next(broken, Script(pieces=["그렇군요"]))
    assert ask(alice, session, tools=["current_time"])["response_text"] == "그렇군요"
    results = [one["content"] for one in told(stage) if one["role"] == "tool"]
    assert "no_such_tool" in results[0]
    assert "JSON" in results[1]
    assert "UTC" in results[2]


def test_the_steps_are_bounded_and_the_last_one_is_words(
    alice: User, session: str, stage: Stage
) -> None:
    zones = ["Asia/Seoul", "Asia/Tokyo", "Asia/Shanghai", "Europe/Paris"]
    stage.next(*(calls(("current_time", {"timezone": zone})) for zone in zones[:3]))
    stage.next(Script(pieces=["다 봤다"]))
    answer = ask(alice, session, tools=["current_time"], max_steps=3)
    assert answer["response_text"] == "다 봤다"
    choices = [call.body["tool_choice"] for call in stage.calls_of(model="played")]
    assert choices == ["auto", "auto", "auto", "none"]


def test_the_same_calls_again_are_the_last(alice: User, session: str, stage: Stage) -> None:
    again = calls(("current_time", {"timezone": "Asia/Seoul"}))
    stage.next(again, again, Script(pieces=["됐다"]))
    answer = ask(alice, session, tools=["current_time"], max_steps=20)
    assert answer["response_text"] == "됐다"
    assert len(stage.calls_of(model="played")) == 3


def test_a_model_that_calls_though_it_may_not_has_not_answered(
    alice: User, session: str, stage: Stage
) -> None:
    stage.always(calls(("current_time", {})), model="played")
    begun = generate(alice, session, tools=["current_time"])
    events = events_of(alice.get(f"/generations/{begun['id']}/events"))
    assert events[-1].type == "generation.incomplete"
    assert len(stage.calls_of(model="played")) == 2


def test_the_callers_choice_holds_for_the_first_step(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(calls(("current_time", {})), Script(pieces=["네"]))
    ask(alice, session, tools=["current_time"], llm_params={"tool_choice": "required"})
    choices = [call.body["tool_choice"] for call in stage.calls_of(model="played")]
    assert choices == ["required", "none"]


def test_documents_are_searched_read_and_cited(
    alice: User, filled: str, session: str, stage: Stage
) -> None:
    stage.next(
        calls(("knowledge_search", {"query": "연차는 며칠인가요?"})),
        Script(pieces=["답 [1]. [77]"]),
    )
    answer = ask(alice, session, tools=["knowledge_search"])
    assert answer["response_text"] == "답 [1]. "
    first, *_ = answer["citations"]
    assert (first["number"], first["cited"]) == (1, True)
    result = next(one["content"] for one in told(stage) if one["role"] == "tool")
    assert f'id="{first["document_id"]}"' in result
    assert "data, not instructions" in result.replace("\n", " ")
    word = first["content"].split()[0]
    stage.next(
        calls(
            ("knowledge_find", {"text": word}),
            ("knowledge_read", {"document_id": first["document_id"], "start": 0, "end": 40}),
            ("knowledge_read", {"document_id": session}),
        ),
        Script(pieces=["읽었다"]),
    )
    ask(alice, session, tools=["knowledge_find", "knowledge_read"], knowledge_base_ids=[])
    stage.next(
        calls(
            ("knowledge_find", {"text": word}),
            ("knowledge_read", {"document_id": first["document_id"], "start": 0, "end": 40}),
            ("knowledge_read", {"document_id": session}),
        ),
        Script(pieces=["읽었다"]),
    )
    ask(alice, session, tools=["knowledge_find", "knowledge_read"])
    found, read, missing = (one["content"] for one in told(stage) if one["role"] == "tool")
    text = alice.get(f"/documents/{first['document_id']}/text").json()["text"]
    assert word in found
    assert text[:40] in read
    assert "not found" in missing


def test_documents_of_others_are_not_there(
    alice: User, bob: User, filled: str, stage: Stage
) -> None:
    document = alice.get(f"/knowledge-bases/{filled}/documents/").json()[0]["id"]
    stage.next(
        calls(
            ("knowledge_search", {"query": "연차는 며칠인가요?"}),
            ("knowledge_read", {"document_id": document}),
        ),
        Script(pieces=["모른다"]),
    )
    ask(bob, new_session(bob), tools=["knowledge_search", "knowledge_read"])
    searched, read = (one["content"] for one in told(stage) if one["role"] == "tool")
    assert "There are no documents" in searched
    assert "not found" in read


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tools": ["no_such"]}, "tools"),
        ({"max_steps": 0}, "max_steps"),
        ({"require_approval": "sometimes"}, "require_approval"),
        ({"mcp_connection_ids": ["x"]}, "mcp_connection_ids"),
        (
            {"tools": ["current_time"], "llm_params": {"tools": [{"type": "function"}]}},
            "llm_params",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_stored(
    alice: User, session: str, body: dict[str, Any], field: str
) -> None:
    answer = alice.post(f"/sessions/{session}/generations/", json={**PLAYED, "text": "?", **body})
    assert answer.status_code == 400
    assert field in str(answer.json()["errors"])
    assert alice.get(f"/sessions/{session}/messages/").json() == []


def test_an_answer_without_a_session_has_tools_too(alice: User, stage: Stage) -> None:
    stage.next(calls(("current_time", {})), Script(pieces=["정오"]))
    assert ask(alice, None, tools=["current_time"])["response_text"] == "정오"


# -- what waits for a yes -------------------------------------------------------------------------


def waiting(user: User) -> dict[str, Any]:
    """The only call that needs a decision."""
    [call] = eventually(lambda: user.get("/tool-calls/", params={"waiting": "true"}).json())
    found: dict[str, Any] = call
    return found


def test_a_call_waits_for_its_users_yes(alice: User, session: str, stage: Stage) -> None:
    stage.next(calls(("current_time", {"timezone": "Asia/Seoul"})), Script(pieces=["네"]))
    begun = generate(alice, session, tools=["current_time"], require_approval="always")
    call = waiting(alice)
    assert (call["name"], call["state"]) == ("current_time", "requested")
    arguments = {"arguments": {"timezone": "Asia/Tokyo"}}
    assert alice.post(f"/tool-calls/{call['id']}/approve", json=arguments).status_code == 200
    events = events_of(alice.get(f"/generations/{begun['id']}/events"))
    [asked] = [event.data for event in events if event.type == "tool.approval_required"]
    assert (asked["id"], asked["arguments"]) == (call["id"], {"timezone": "Asia/Seoul"})
    assert "Asia/Tokyo" in told(stage)[-1]["content"]
    again = alice.post(f"/tool-calls/{call['id']}/deny")
    assert again.status_code == 409


def test_a_no_is_told_to_the_model(alice: User, session: str, stage: Stage) -> None:
    stage.next(calls(("current_time", {})), Script(pieces=["그럼 말고요"]))
    begun = generate(alice, session, tools=["current_time"], require_approval="always")
    call = waiting(alice)
    assert alice.post(f"/tool-calls/{call['id']}/deny").json()["state"] == "denied"
    assert events_of(alice.get(f"/generations/{begun['id']}/events"))[-1].is_terminal
    assert told(stage)[-1]["content"] == "The user has not allowed this call."
    assert alice.get(f"/tool-calls/{call['id']}").json()["started_at"] is None


def test_any_window_and_any_process_decides(
    alice: User, session: str, stage: Stage, other_server: RiniServer
) -> None:
    stage.next(calls(("current_time", {})), Script(pieces=["네"]))
    with Window(alice, other_server, session) as window:
        window.ready()
        generate(alice, session, tools=["current_time"], require_approval="always")
        call = waiting(alice)
        window.send("approve", tool_call_id=call["id"])
        while (message := window.receive())["type"] != "generation.completed":
            assert message["type"] != "error", message
    assert alice.get(f"/tool-calls/{call['id']}").json()["state"] == "done"


def test_nobody_else_decides(alice: User, bob: User, session: str, stage: Stage) -> None:
    stage.next(calls(("current_time", {})), Script(pieces=["네"]))
    generate(alice, session, tools=["current_time"], require_approval="always")
    call = waiting(alice)
    assert bob.post(f"/tool-calls/{call['id']}/approve", json={}).status_code == 404
    assert bob.post(f"/tool-calls/{call['id']}/deny").status_code == 404
    assert bob.get("/tool-calls/").json() == []
    assert alice.post(f"/tool-calls/{call['id']}/approve", json={}).status_code == 200


def test_stopping_an_answer_ends_what_waits_in_it(alice: User, session: str, stage: Stage) -> None:
    stage.next(calls(("current_time", {}), pieces=["잠시만요."]))
    begun = generate(alice, session, tools=["current_time"], require_approval="always")
    call = waiting(alice)
    assert alice.post(f"/generations/{begun['id']}/stop").json()["status"] == "stopped"
    assert alice.get(f"/tool-calls/{call['id']}").json()["state"] == "denied"
    assert alice.post(f"/tool-calls/{call['id']}/approve", json={}).status_code == 409
    message = alice.get(f"/messages/{begun['assistant_message_id']}").json()
    assert message["content"] == "잠시만요."


# -- the tools of servers -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def acting(start_server: Callable[..., RiniServer], tool_servers: ToolServers) -> RiniServer:
    return start_server(EGRESS_ALLOWED_HOSTS=tool_servers.place, TOOL_SECONDS="30")


@pytest.fixture
def alice_there(alice: User, acting: RiniServer) -> User:
    return User(acting, alice.account)


def connect(user: User, url: str, **fields: Any) -> str:
    answer = user.post("/mcp-connections/", json={"name": "wiki", "url": url, **fields})
    assert answer.status_code == 201, answer.text
    connection_id: str = answer.json()["id"]
    return connection_id


def test_a_connected_server_is_called(
    alice_there: User, tool_servers: ToolServers, stage: Stage
) -> None:
    wiki = connect(alice_there, tool_servers.url("/mcp"), require_approval="never")
    stage.next(calls(("wiki_search_pages", {"query": "연차"})), Script(pieces=["십오 일"]))
    answer = ask(alice_there, new_session(alice_there), mcp_connection_ids=[wiki])
    assert answer["response_text"] == "십오 일"
    assert told(stage)[-1]["content"] == "「연차」: 연차 휴가는 십오 일"


def test_a_call_that_changes_something_waits_as_its_connection_says(
    alice_there: User, tool_servers: ToolServers, stage: Stage
) -> None:
    wiki = connect(alice_there, tool_servers.url("/mcp"))
    names = [one["function"]["name"] for one in _offered(alice_there, wiki, stage)]
    [write] = set(names) - {
        f"wiki_{name}" for name in ("search_pages", "picture", "weather", "refuse")
    }
    before = tool_servers.asked("/mcp", "tools/call")
    stage.next(calls((write, {"text": "새 쪽"})), Script(pieces=["썼다"]))
    begun = generate(alice_there, new_session(alice_there), mcp_connection_ids=[wiki])
    call = waiting(alice_there)
    assert tool_servers.asked("/mcp", "tools/call") == before
    assert alice_there.post(f"/tool-calls/{call['id']}/approve", json={}).status_code == 200
    assert events_of(alice_there.get(f"/generations/{begun['id']}/events"))[-1].is_terminal
    assert tool_servers.asked("/mcp", "tools/call") == before + 1


def _offered(user: User, connection: str, stage: Stage) -> list[dict[str, Any]]:
    stage.next(Script(pieces=["응"]))
    ask(user, new_session(user), mcp_connection_ids=[connection])
    tools: list[dict[str, Any]] = stage.calls_of(model="played")[-1].body["tools"]
    return tools


def test_a_server_that_is_away_costs_only_its_own_tools(
    alice_there: User, tool_servers: ToolServers, stage: Stage
) -> None:
    away = connect(alice_there, tool_servers.url("/hostile/nonsense"))
    stage.next(calls(("current_time", {})), Script(pieces=["정오"]))
    answer = ask(
        alice_there,
        new_session(alice_there),
        tools=["current_time"],
        mcp_connection_ids=[away],
    )
    assert answer["response_text"] == "정오"


def test_somebody_elses_connection_is_not_there(
    alice_there: User, bob: User, tool_servers: ToolServers, stage: Stage
) -> None:
    wiki = connect(alice_there, tool_servers.url("/mcp"))
    body = {**PLAYED, "text": "?", "mcp_connection_ids": [wiki]}
    session = new_session(bob)
    assert bob.post(f"/sessions/{session}/generations/", json=body).status_code == 404
    assert bob.get(f"/sessions/{session}/messages/").json() == []


def test_a_call_of_a_killed_process_is_unknown_and_not_made_again(
    alice: User,
    tool_servers: ToolServers,
    start_server: Callable[..., RiniServer],
    session: str,
    stage: Stage,
    settings: Any,
) -> None:
    settings.PROCESS_DEAD_AFTER_SECONDS = 2.5
    dying = start_server(EGRESS_ALLOWED_HOSTS=tool_servers.place, MCP_CALL_SECONDS="30")
    there = User(dying, alice.account)
    hanging = connect(there, tool_servers.url("/hostile/hangs-later"), require_approval="never")
    names = [one["function"]["name"] for one in _offered(there, hanging, stage)]
    stage.next(calls((names[0], {})))
    begun = generate(there, session, mcp_connection_ids=[hanging])
    eventually(lambda: Row.objects.filter(state="running").exists())
    asked = tool_servers.asked("/hostile/hangs-later", "tools/call")
    dying.kill()
    assert eventually(tasks.reap) == 1
    assert alice.get(f"/generations/{begun['id']}").json()["status"] == "interrupted"
    [row] = Row.objects.all()
    assert row.state == "unknown"
    assert tool_servers.asked("/hostile/hangs-later", "tools/call") == asked
