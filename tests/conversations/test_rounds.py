"""Answers that take several calls: what is told the second time, and what the ledger says of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from billing.models import Hold, UsageRecord
from conversations import tasks
from conversations.answering.choice import Choice
from conversations.answering.prompt import UNSEEN_IMAGE
from conversations.models import Generation, Message
from providers.tasks import sweep
from tests.conftest import User
from tests.conversations.conftest import MODELS, add_keys, eventually, generate, new_session
from tests.conversations.reading import Reader, events_of, read, text_of
from tests.conversations.test_images import PNG, images_in, look, picture
from tests.conversations.test_messages import messages, say
from tests.rini_server import RiniServer
from tests.vendors.script import Failure, Script, Tokens
from tests.vendors.stage import Call, Stage

TOO_LONG = Script(
    failure=Failure(400, {"error": {"code": "context_length_exceeded", "message": "too long"}})
)
# It has read the prompt, says what that costs, and refuses then.
TOO_LONG_AND_COUNTED = Script(
    raw=b'data: {"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": 0}}\n\n'
    b'data: {"error": {"type": "invalid_request_error", "code": "context_length_exceeded", '
    b'"message": "too long"}}\n\n'
)
REFUSED = Script(failure=Failure(400, {"error": {"message": "Could not process image"}}))
STORED_WITHIN_SECONDS = 0.25
SLOW = Script(pieces=[f"{n}번 " for n in range(1000)], delay=0.01)


def conversation(user: User, stage: Stage, turns: int = 4) -> str:
    """A session of so many turns, of which nobody knows how much fits."""
    session_id = new_session(user, system_prompt="簡潔に")
    for number in range(turns):
        say(user, session_id, f"질문 {number}", model="played")
    stage.clear()
    return session_id


def told(call: Call) -> list[str]:
    return [message["content"] for message in call.body["messages"]]


def rows() -> list[UsageRecord]:
    return list(UsageRecord.objects.order_by("created_at"))


@pytest.mark.parametrize("stream", [False, True])
def test_a_vendor_who_counts_more_tokens_is_told_the_newer_half_of_the_turns(
    alice: User, stage: Stage, stream: bool
) -> None:
    session_id = conversation(alice, stage)
    stage.next(TOO_LONG, Script(pieces=["여기", "예요"]))
    body = {"text": "지금은?", "session_id": session_id, "provider": "local", "model": "played"}
    answer = alice.post("/llm/text-completion/", json=body | {"stream": stream})
    if stream:
        events = events_of(answer)
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        assert [event.type for event in events].count("generation.started") == 1
        assert text_of(events) == "여기예요"
    else:
        assert answer.json()["response_text"] == "여기예요"
    first, second = map(told, stage.calls)
    assert (first[0], first[-1], len(first)) == ("簡潔に", "지금은?", 10)
    assert second == ["簡潔に", *first[5:]]
    assert second[1] == "질문 2"
    assert messages(alice, session_id)[-1]["status"] == "complete"


def test_every_call_has_its_row_and_the_answer_their_sum(alice: User, stage: Stage) -> None:
    session_id = conversation(alice, stage)
    before = UsageRecord.objects.count()
    add_keys(alice)
    stage.next(TOO_LONG_AND_COUNTED, Script(pieces=["네"], usage=Tokens(30, 4, reasoning=1)))
    said = say(alice, session_id, "지금은?", provider="openai", model=MODELS["openai"])
    first, second = rows()[before:]
    answer = said["assistant_message"]
    assert {first.message_id, second.message_id} == {answer["id"]}
    assert {str(first.session_id), str(second.session_id)} == {session_id}
    assert (first.status, second.status) == ("failed", "completed")
    assert (first.input_tokens, second.input_tokens) == (50, 30)
    assert (answer["prompt_tokens"], answer["completion_tokens"]) == (80, 4)
    assert (said["prompt_tokens"], said["completion_tokens"]) == (80, 4)
    assert answer["token_count"] == 3
    assert first.cost_nano
    assert second.cost_nano
    assert said["cost"] == answer["cost"] == f"{(first.cost_nano + second.cost_nano) / 1e9:.9f}"
    assert first.duration_ms is not None
    assert answer["response_time_ms"] == first.duration_ms + (second.duration_ms or 0)
    assert answer["time_to_first_token_ms"] >= first.duration_ms
    assert not Hold.objects.exists()


def test_a_vendor_is_told_less_once_and_no_more(alice: User, stage: Stage) -> None:
    session_id = conversation(alice, stage)
    stage.next(TOO_LONG, TOO_LONG)
    body = {"text": "?", "session_id": session_id, "provider": "local", "model": "played"}
    answer = alice.post("/llm/text-completion/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "context_too_long")
    assert len(stage.calls) == 2
    assert [row.status for row in rows()[-2:]] == ["failed", "failed"]
    assert messages(alice, session_id)[-1]["status"] == "failed"


def test_a_question_alone_is_not_asked_twice(alice: User, session: str, stage: Stage) -> None:
    stage.next(TOO_LONG)
    body = {"text": "?", "session_id": session, "provider": "local", "model": "played"}
    assert alice.post("/llm/text-completion/", json=body).status_code == 400
    assert len(stage.calls) == 1


def test_an_answer_that_has_begun_is_not_begun_again(alice: User, stage: Stage) -> None:
    session_id = conversation(alice, stage)
    error = {"type": "invalid_request_error", "code": "context_length_exceeded", "message": "x"}
    stage.next(Script(pieces=["반", "쪽"], error_midway=error))
    begun = generate(alice, session_id)
    last = read(alice, f"/generations/{begun['id']}/events")[-1]
    assert last.data["problem"]["code"] == "context_too_long"
    assert last.data["message"]["content"] == "반쪽"
    assert len(stage.calls) == 1


def test_an_image_of_an_earlier_turn_that_is_refused_stays_away(alice: User, stage: Stage) -> None:
    session_id = new_session(alice)
    stage.next(Script(pieces=["바다예요"]), REFUSED)
    look(alice, session_id=session_id)
    said = say(alice, session_id, "그리고?", model="seeing")
    assert said["response_text"] == "그리고?"
    first, second = stage.calls[1:]
    assert (images_in(first), images_in(second)) == ([PNG], [])
    assert told(second) == [f"이게 뭐예요?\n{UNSEEN_IMAGE}", "바다예요", "그리고?"]
    stage.clear()
    say(alice, session_id, "또?", model="seeing")
    [call] = stage.calls
    assert images_in(call) == []
    assert told(call)[0] == f"이게 뭐예요?\n{UNSEEN_IMAGE}"
    assert alice.get(f"/messages/{messages(alice, session_id)[0]['id']}/file").content == PNG


def test_an_image_that_one_vendor_refuses_is_shown_to_others(alice: User, stage: Stage) -> None:
    add_keys(alice)
    session_id = new_session(alice)
    stage.next(Script(), REFUSED)
    look(alice, session_id=session_id)
    say(alice, session_id, "그리고?", model="seeing")
    stage.clear()
    say(alice, session_id, "다른 눈으로는?", provider="openai", model=MODELS["openai"])
    [call] = stage.calls
    assert images_in(call) == [PNG]
    copy = alice.post(
        f"/sessions/{session_id}/fork", json={"message_id": messages(alice, session_id)[-1]["id"]}
    ).json()["id"]
    say(alice, copy, "여기서도?", model="seeing")
    assert images_in(stage.calls[-1]) == []


def test_of_several_images_the_one_that_was_never_answered_stays_away(
    alice: User, stage: Stage
) -> None:
    session_id = new_session(alice)
    other = picture("JPEG")
    stage.next(Script(pieces=["바다예요"]), REFUSED, REFUSED)
    look(alice, session_id=session_id)
    assert look(alice, other, session_id=session_id).json()["code"] == "provider_refused"
    stage.clear()
    stage.next(REFUSED)
    say(alice, session_id, "그리고?", model="seeing")
    assert [images_in(call) for call in stage.calls] == [[PNG, other], [PNG]]
    say(alice, session_id, "또?", model="seeing")
    assert images_in(stage.calls[-1]) == [PNG]


def test_what_is_refused_for_another_reason_costs_no_image(alice: User, stage: Stage) -> None:
    session_id = new_session(alice)
    look(alice, session_id=session_id)
    stage.next(REFUSED, REFUSED)
    body = {"text": "?", "session_id": session_id, "provider": "local", "model": "seeing"}
    assert alice.post("/llm/text-completion/", json=body).status_code == 400
    assert not Message.objects.exclude(refused_by=None).exists()
    say(alice, session_id, "다시", model="seeing")
    assert images_in(stage.calls[-1]) == [PNG]


def test_a_stop_ends_whichever_call_runs(alice: User, server: RiniServer, stage: Stage) -> None:
    session_id = conversation(alice, stage)
    before = UsageRecord.objects.count()
    stage.next(TOO_LONG, SLOW)
    begun = generate(alice, session_id)
    reader = Reader(alice, "GET", f"{server.url}/generations/{begun['id']}/events")
    reader.seen(3)
    stopped = alice.post(f"/generations/{begun['id']}/stop")
    assert stopped.json()["status"] == "stopped"
    assert stage.wait_for_call(2).wait_closed(0.1)
    assert reader.ended().type == "generation.stopped"
    answer = messages(alice, session_id)[-1]
    assert (answer["status"], answer["content"]) == ("stopped", reader.text)
    first, second = rows()[before:]
    assert [first.status, second.status] == ["failed", "stopped"]
    assert answer["completion_tokens"] == second.output_tokens
    assert not Hold.objects.exists()


@pytest.fixture
def doomed(start_server: Callable[..., RiniServer], settings: Any) -> Iterator[RiniServer]:
    """A web process that is to die, and soon passes for dead."""
    settings.PROCESS_DEAD_AFTER_SECONDS = 2.5
    server = start_server()
    yield server
    server.kill()


@pytest.mark.parametrize("refusal", [TOO_LONG, TOO_LONG_AND_COUNTED], ids=["free", "counted"])
def test_a_process_that_dies_in_a_second_call_leaves_both_settled(
    alice: User, stage: Stage, doomed: RiniServer, refusal: Script
) -> None:
    session_id = conversation(alice, stage)
    before = UsageRecord.objects.count()
    stage.next(refusal, SLOW)
    body = {"text": "질문", "provider": "local", "model": "played"}
    begun = alice.post(f"{doomed.url}/sessions/{session_id}/generations/", json=body).json()
    reader = Reader(alice, "GET", f"{doomed.url}/generations/{begun['id']}/events")
    reader.seen(30)
    seen = reader.text
    time.sleep(STORED_WITHIN_SECONDS)
    doomed.kill()
    reader.join(5)
    assert eventually(tasks.reap) == 1
    first, second = rows()[before:]
    assert [first.status, second.status] == ["failed", "interrupted"]
    assert second.output_tokens
    answer = messages(alice, session_id)[-1]
    assert {first.message_id, second.message_id} == {answer["id"]}
    assert (answer["status"], answer["finish_reason"]) == ("interrupted", None)
    assert answer["content"].startswith(seen)
    assert answer["completion_tokens"] == second.output_tokens
    assert answer["prompt_tokens"] == (first.input_tokens or 0) + (second.input_tokens or 0)
    assert (tasks.reap(), sweep()) == (0, 0)
    assert not Hold.objects.exists()


def test_what_a_request_chose_is_stored_with_its_answer(alice: User, stage: Stage) -> None:
    session_id = new_session(alice, model="local/played")
    params = {"temperature": 0.2, "stop": ["끝"]}
    body = {"text": "네?", "session_id": session_id, "llm_params": params}
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    row = Generation.objects.get()
    assert Choice(**(row.choice or {})) == Choice("local", "played", params)
