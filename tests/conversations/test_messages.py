from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import User
from tests.conversations.conftest import generate, new_session
from tests.conversations.test_sessions import TEXTS
from tests.vendors.script import Script
from tests.vendors.stage import Stage

FIELDS = {
    *("id", "session_id", "user_id", "parent_message_id", "role", "content", "reasoning"),
    *("file_reference", "original_filename", "mime_type", "status", "model_used", "provider"),
    "finish_reason",
    *("prompt_tokens", "completion_tokens", "token_count", "response_time_ms"),
    *("time_to_first_token_ms", "cost", "citations", "tool_calls", "memories", "created_at"),
    *("agent_id", "agent_version"),
}


def say(user: User, session_id: str, text: str, **more: Any) -> dict[str, Any]:
    body = {"text": text, "session_id": session_id, "provider": "local", "model": "m", **more}
    answer = user.post("/llm/text-completion/", json=body)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def messages(user: User, session_id: str, **params: Any) -> list[dict[str, Any]]:
    answer = user.get(f"/sessions/{session_id}/messages/", params=params)
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()
    return listed


def test_a_turn_is_two_messages_oldest_first(alice: User, session: str, stage: Stage) -> None:
    said = say(alice, session, "서울은 어떤 도시인가요?")
    question, answer = messages(alice, session)
    assert set(question) == set(answer) == FIELDS
    assert [question, answer] == [said["user_message"], said["assistant_message"]]
    assert (question["role"], answer["role"]) == ("user", "assistant")
    assert question["parent_message_id"] is None
    assert answer["parent_message_id"] == question["id"]
    assert (answer["provider"], answer["model_used"], answer["status"]) == (
        "local",
        "m",
        "complete",
    )
    assert alice.get(f"/sessions/{session}").json()["active_message_id"] == answer["id"]


@pytest.mark.parametrize("text", TEXTS)
def test_question_and_answer_are_kept_byte_for_byte(
    alice: User, session: str, stage: Stage, text: str
) -> None:
    stage.next(Script(pieces=list(text)))
    said = say(alice, session, text)
    assert said["response_text"] == text
    assert [m["content"] for m in messages(alice, session)] == [text, text]
    assert stage.wait_for_call().body["messages"][-1]["content"] == text


def test_the_active_path_is_listed_and_every_branch_on_demand(
    alice: User, session: str, stage: Stage
) -> None:
    first = say(alice, session, "하나")
    second = say(alice, session, "둘")
    branch = say(alice, session, "둘, 다르게", parent_message_id=first["assistant_message"]["id"])
    path = [
        turn[kind]["id"]
        for turn in (first, branch)
        for kind in ("user_message", "assistant_message")
    ]
    everything = sorted([*path, second["user_message"]["id"], second["assistant_message"]["id"]])
    assert [m["id"] for m in messages(alice, session)] == path
    assert [m["id"] for m in messages(alice, session, all="true")] == everything
    assert [m["id"] for m in messages(alice, session, skip=1, limit=2)] == path[1:3]
    assert [m["id"] for m in messages(alice, session, all="true", skip=4)] == everything[4:]


def test_a_session_lists_only_its_own_messages(alice: User, stage: Stage) -> None:
    one, two = new_session(alice), new_session(alice)
    say(alice, one, "이쪽")
    say(alice, two, "那边")
    assert [m["content"] for m in messages(alice, one, all="true")] == ["이쪽", "이쪽"]


def test_an_answer_that_is_being_written_is_listed_as_streaming(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    question, answer = messages(alice, session)
    assert (question["id"], answer["id"]) == (
        begun["user_message_id"],
        begun["assistant_message_id"],
    )
    assert (answer["status"], answer["content"]) == ("streaming", "")
    assert [g["id"] for g in alice.get("/generations/").json()] == [begun["id"]]
    assert alice.post(f"/generations/{begun['id']}/stop").json()["status"] == "stopped"
    assert alice.get("/generations/").json() == []
