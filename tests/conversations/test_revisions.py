from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import User
from tests.conversations.conftest import add_keys, generate, new_session, stored
from tests.conversations.reading import events_of, text_of
from tests.conversations.test_messages import messages, say
from tests.conversations.test_tree import add
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

OTHER = {"provider": "local", "model": "other"}


def post(user: User, address: str, **body: Any) -> dict[str, Any]:
    answer = user.post(address, json=body)
    assert answer.status_code == 200, answer.text
    got: dict[str, Any] = answer.json()
    return got


def test_an_edit_is_a_sibling_with_an_answer_of_its_own(
    alice: User, session: str, stage: Stage
) -> None:
    first = say(alice, session, "처음")
    former = say(alice, session, "서울?")["user_message"]
    edited = post(alice, f"/messages/{former['id']}/edit", content="부산은 어때?", **OTHER)
    question, answer = edited["user_message"], edited["assistant_message"]
    assert question["content"] == edited["response_text"] == "부산은 어때?"
    assert question["parent_message_id"] == former["parent_message_id"]
    assert answer["parent_message_id"] == question["id"]
    assert answer["model_used"] == "other"
    assert (edited["session_id"], edited["completion_tokens"]) == (session, 7)
    path = [m["content"] for m in messages(alice, session)]
    assert path == ["처음", "처음", "부산은 어때?", "부산은 어때?"]
    assert len(messages(alice, session, all=True)) == 6
    told = stage.calls[-1].body["messages"]
    assert [m["content"] for m in told] == ["처음", "처음", "부산은 어때?"]
    siblings = alice.get(f"/messages/{question['id']}/?siblings=1").json()["sibling_ids"]
    assert siblings == [former["id"], question["id"]]
    assert first["user_message"]["parent_message_id"] is None


def test_the_first_question_can_be_edited(alice: User, session: str, stage: Stage) -> None:
    root = say(alice, session, "처음")["user_message"]
    edited = post(alice, f"/messages/{root['id']}/edit/", content="다시 처음")
    assert edited["user_message"]["parent_message_id"] is None
    assert [m["content"] for m in stage.calls[-1].body["messages"]] == ["다시 처음"]


def test_another_answer_is_a_sibling_of_the_former(alice: User, session: str, stage: Stage) -> None:
    add_keys(alice)
    said = say(alice, session, "무엇?")
    former = said["assistant_message"]
    stage.next(Script(pieces=["다른 ", "답"]))
    again = post(
        alice,
        f"/messages/{former['id']}/regenerate",
        provider="anthropic",
        model="claude-sonnet-4-5",
        llm_params={"max_tokens": 9},
    )
    answer = again["assistant_message"]
    assert again["user_message"]["id"] == said["user_message"]["id"]
    assert answer["parent_message_id"] == former["parent_message_id"]
    assert (answer["content"], answer["provider"]) == ("다른 답", "anthropic")
    assert stage.calls[-1].body["max_tokens"] == 9
    assert [m["id"] for m in messages(alice, session)] == [said["user_message"]["id"], answer["id"]]
    assert alice.get(f"/messages/{former['id']}").json() == former


def test_without_a_model_the_former_one_answers_again(
    alice: User, session: str, stage: Stage
) -> None:
    said = say(alice, session, "무엇?", model="first")
    for address in (
        f"/messages/{said['assistant_message']['id']}/regenerate",
        f"/messages/{said['user_message']['id']}/regenerate/",
    ):
        answer = alice.post(address)
        assert answer.json()["assistant_message"]["model_used"] == "first"
    edited = post(alice, f"/messages/{said['user_message']['id']}/edit", content="다시")
    assert edited["assistant_message"]["model_used"] == "first"
    alice.patch(f"/sessions/{session}", json={"model": "local/second"})
    again = post(alice, f"/messages/{said['assistant_message']['id']}/regenerate")
    assert again["assistant_message"]["model_used"] == "second"


def test_an_added_question_can_be_answered(alice: User, session: str, stage: Stage) -> None:
    question = add(alice, session, "누가 답할까?")
    again = post(alice, f"/messages/{question}/regenerate", **OTHER)
    assert again["assistant_message"]["parent_message_id"] == question
    assert len(messages(alice, session)) == 2


@pytest.mark.parametrize("kind", ["edit", "regenerate"])
@pytest.mark.parametrize("asked", ["body", "header"])
def test_both_answer_as_a_stream_too(
    alice: User, session: str, stage: Stage, kind: str, asked: str
) -> None:
    said = say(alice, session, "무엇?")
    stage.next(Script(pieces=["조금", "씩"]))
    message = said["user_message" if kind == "edit" else "assistant_message"]
    body = {"content": "다시", **OTHER} if kind == "edit" else OTHER
    streamed = {**body, "stream": True} if asked == "body" else body
    headers = {"Accept": "text/event-stream"} if asked == "header" else {}
    answer = alice.post(f"/messages/{message['id']}/{kind}", json=streamed, headers=headers)
    events = events_of(answer)
    assert text_of(events) == "조금씩"
    assert events[-1].type == "generation.completed"
    assert events[-1].data["message"] == messages(alice, session)[-1]


def test_only_questions_are_edited_and_only_answers_to_questions_made_anew(
    alice: User, session: str, stage: Stage
) -> None:
    answer = say(alice, session, "무엇?")["assistant_message"]["id"]
    note = add(alice, session, "규칙", role="system")
    lonely = add(alice, session, "덧붙임", role="assistant")
    before = stored()
    for message_id in (answer, note):
        edit = alice.post(f"/messages/{message_id}/edit", json={"content": "x", **OTHER})
        assert (edit.status_code, edit.json()["code"]) == (400, "invalid_input")
    for message_id in (note, lonely):
        again = alice.post(f"/messages/{message_id}/regenerate", json=OTHER)
        assert (again.status_code, again.json()["code"]) == (400, "invalid_input")
    assert stored() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": " "}, "content"),
        ({"content": ["x"]}, "content"),
        ({"content": "x", "model": "nobody/has-this"}, "model"),
        ({"content": "x", "llm_params": {"api_key": "k"}}, "llm_params"),
        ({"content": "x", "stream": "often"}, "stream"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(
    alice: User, session: str, stage: Stage, body: dict[str, object], field: str
) -> None:
    question = say(alice, session, "무엇?")["user_message"]["id"]
    before = stored()
    answer = alice.post(f"/messages/{question}/edit", json=body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert stored() == before


def test_nobody_asks_anew_in_conversations_of_others(alice: User, bob: User, stage: Stage) -> None:
    theirs = say(bob, new_session(bob), "秘密")
    before = stored()
    for message in (theirs["user_message"]["id"], theirs["assistant_message"]["id"], 2**40):
        edit = alice.post(f"/messages/{message}/edit", json={"content": "x", **OTHER})
        again = alice.post(f"/messages/{message}/regenerate", json=OTHER)
        assert (edit.status_code, again.status_code) == (404, 404)
    assert stored() == before


def test_a_failed_second_answer_leaves_the_first(alice: User, session: str, stage: Stage) -> None:
    said = say(alice, session, "무엇?")
    stage.next(Script(failure=Failure(400)))
    answer_id = said["assistant_message"]["id"]
    answer = alice.post(f"/messages/{answer_id}/regenerate", json=OTHER)
    assert answer.status_code == 400
    assert alice.get(f"/messages/{answer_id}").json() == said["assistant_message"]
    failed = messages(alice, session)[-1]
    assert (failed["status"], failed["id"] == answer_id) == ("failed", False)


def test_an_answer_can_be_made_anew_while_the_former_is_written(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    stage.wait_for_call()
    again = post(alice, f"/messages/{begun['assistant_message_id']}/regenerate", **OTHER)
    assert again["assistant_message"]["status"] == "complete"
    assert alice.post(f"/generations/{begun['id']}/stop").json()["status"] == "stopped"
