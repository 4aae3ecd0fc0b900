"""Why an answer ended: on its message, in its last event, and where it is copied to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import User
from tests.conversations.conftest import MODELS, add_keys, generate, new_session
from tests.conversations.reading import events_of, read
from tests.conversations.test_export_import import exported, imported
from tests.conversations.test_messages import messages, say
from tests.vendors.script import Cut, Failure, Script
from tests.vendors.stage import Stage

REASONS = ("stop", "length", "content_filter", "tool_calls")
ADDRESS = "/llm/text-completion/"
each_reason = pytest.mark.parametrize("reason", REASONS)


@each_reason
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_message_says_why_its_model_ended_it(
    alice: User, session: str, stage: Stage, reason: Any, stream: bool
) -> None:
    stage.next(Script(pieces=["반쪽"], finish=reason))
    body = {"text": "?", "provider": "local", "model": "m", "session_id": session}
    answer = alice.post(ADDRESS, json=body | {"stream": stream})
    if stream:
        last = events_of(answer)[-1]
        assert last.type == "generation.completed"
        assert last.data["finish_reason"] == last.data["message"]["finish_reason"] == reason
    else:
        assert answer.json()["finish_reason"] == reason
        assert answer.json()["assistant_message"]["finish_reason"] == reason
    question, told = messages(alice, session)
    assert (question["finish_reason"], told["finish_reason"]) == (None, reason)
    assert told["status"] == "complete"


@each_reason
def test_an_answer_of_which_nothing_is_stored_says_it_too(
    alice: User, stage: Stage, reason: Any
) -> None:
    script = Script(pieces=["반쪽"], finish=reason)
    stage.next(script, script, script)
    body: dict[str, Any] = {"text": "?", "provider": "local", "model": "m"}
    assert alice.post(ADDRESS, json=body).json()["finish_reason"] == reason
    last = events_of(alice.post(ADDRESS, json=body | {"stream": True}))[-1]
    assert last.data["finish_reason"] == last.data["message"]["finish_reason"] == reason
    body["messages"] = [{"role": "user", "content": body.pop("text")}]
    assert alice.post("/llm/chat-completions/", json=body).json()["finish_reason"] == reason


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_each_vendors_cut_is_told_in_the_same_word(
    alice: User, session: str, stage: Stage, provider: str
) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["반쪽"], finish="length"))
    said = say(alice, session, "?", provider=provider, model=MODELS[provider])
    assert said["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (Script(pieces=["하나", "둘"], cut=Cut(after_pieces=1)), "incomplete"),
        (Script(failure=Failure(500)), "failed"),
        (Script(pieces=["하나"], error_midway={"type": "server_error"}), "failed"),
        (Script(hangs=True), "stopped"),
    ],
    ids=["cut off", "failed", "failed midway", "stopped"],
)
def test_an_answer_that_its_model_did_not_end_has_no_reason(
    alice: User, session: str, stage: Stage, script: Script, status: str
) -> None:
    stage.next(script)
    begun = generate(alice, session)
    if script.hangs:
        alice.post(f"/generations/{begun['id']}/stop")
    last = read(alice, f"/generations/{begun['id']}/events")[-1]
    assert (last.type, last.data["finish_reason"]) == (f"generation.{status}", None)
    told = messages(alice, session)[-1]
    assert (told["status"], told["finish_reason"]) == (status, None)


def test_the_reason_goes_along_into_files_and_forks(alice: User, stage: Stage) -> None:
    session_id = new_session(alice)
    stage.next(Script(pieces=["반쪽"], finish="length"))
    last = say(alice, session_id, "?")["assistant_message"]
    file = exported(alice, session_id)
    assert [m["finish_reason"] for m in json.loads(file)["messages"]] == [None, "length"]
    copy = imported(alice, file)
    assert messages(alice, copy["id"])[-1]["finish_reason"] == "length"
    assert exported(alice, copy["id"]) == file
    fork = alice.post(f"/sessions/{session_id}/fork", json={"message_id": last["id"]}).json()
    assert messages(alice, fork["id"])[-1]["finish_reason"] == "length"


def test_a_file_with_a_reason_that_there_is_not_is_refused(alice: User, stage: Stage) -> None:
    session_id = new_session(alice)
    say(alice, session_id, "?")
    document = json.loads(exported(alice, session_id))
    document["messages"][1]["finish_reason"] = "tired"
    answer = alice.post("/sessions/import", json=document)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["messages.1.finish_reason"]
