from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from billing.models import UsageRecord
from conversations.answering.prompt import SUMMARY_HEADING
from conversations.digests import summaries
from conversations.models import Message, Summary
from providers.models import Model
from tests.conftest import User
from tests.conversations.conftest import eventually, new_session, stored
from tests.conversations.test_messages import messages, say
from tests.conversations.worker import worker
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

__all__ = ["worker"]
WINDOW = 600
SYSTEM = "あなたは旅行の専門家です。"


@pytest.fixture
def small(database: None) -> Iterator[str]:
    """A model whose window is soon full."""
    model = Model.objects.create(
        provider_id="local", name="small", context_window=WINDOW, max_output_tokens=60
    )
    yield model.name
    model.delete()


def ask(user: User, session_id: str, number: int, **more: Any) -> dict[str, Any]:
    text = f"질문 {number}: " + "word " * 40
    return say(user, session_id, text, model="small", **more)


def told(stage: Stage, number: int = -1) -> list[dict[str, str]]:
    """What the vendor was told in a call for an answer."""
    calls = [c.body["messages"] for c in stage.calls if "Summarise" not in str(c.body)]
    last: list[dict[str, str]] = calls[number]
    return last


def goes_on(before: list[dict[str, str]], after: list[dict[str, str]]) -> bool:
    """Whether the one prompt is, byte for byte, the beginning of the other."""
    return json.dumps(after).startswith(json.dumps(before)[:-1])


def ask_until_cut(user: User, session_id: str, stage: Stage) -> int:
    """Ask until the oldest turns are left out; the number of the question at which they were."""
    for number in range(1, 30):
        ask(user, session_id, number)
        if "질문 1:" not in str(told(stage)):
            return number
    raise AssertionError("everything was told to the end")


def test_the_prompt_of_a_turn_begins_with_that_of_the_turn_before(
    alice: User, stage: Stage
) -> None:
    session_id = new_session(alice, system_prompt=SYSTEM)
    for text in ("안녕?", "北京呢？", "東京は？", "And “Seoul”?", "  끝 "):
        say(alice, session_id, text)
    prompts = [told(stage, number) for number in range(5)]
    assert prompts[0][0] == {"role": "system", "content": SYSTEM}
    assert [len(prompt) for prompt in prompts] == [2, 4, 6, 8, 10]
    for before, after in pairwise(prompts):
        assert goes_on(before, after)


def test_the_oldest_turns_are_left_out_in_blocks(alice: User, small: str, stage: Stage) -> None:
    session_id = new_session(alice, system_prompt=SYSTEM)
    for number in range(16):
        ask(alice, session_id, number)
    prompts = [told(stage, number) for number in range(16)]
    breaks = [number for number in range(15) if not goes_on(prompts[number], prompts[number + 1])]
    assert 2 <= len(breaks) <= 5
    assert all(later - earlier > 1 for earlier, later in pairwise(breaks))
    for number, prompt in enumerate(prompts):
        assert prompt[0]["content"] == SYSTEM
        assert prompt[1]["role"] == "user"
        assert prompt[-1]["content"].startswith(f"질문 {number}:")
    assert len(messages(alice, session_id)) == 32


def test_a_larger_model_is_told_everything_again(alice: User, small: str, stage: Stage) -> None:
    session_id = new_session(alice)
    ask_until_cut(alice, session_id, stage)
    say(alice, session_id, "이제는?", model="unlimited")
    assert "질문 1:" in told(stage)[0]["content"]


def test_a_question_that_cannot_fit_is_refused_before_the_vendor_is_asked(
    alice: User, small: str, stage: Stage
) -> None:
    session_id = new_session(alice)
    before = stored()
    body = {"text": "word " * 700, "session_id": session_id, "provider": "local", "model": small}
    answer = alice.post("/llm/text-completion/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "context_too_long")
    assert str(WINDOW) in answer.json()["detail"]
    assert stored() == before
    assert stage.calls == []


def test_a_system_prompt_leaves_its_room_to_nobody(alice: User, small: str, stage: Stage) -> None:
    session_id = new_session(alice, system_prompt="rule " * 650)
    body = {"text": "질문", "session_id": session_id, "provider": "local", "model": small}
    answer = alice.post("/llm/text-completion/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "context_too_long")


def test_the_tokens_of_a_question_are_counted(alice: User, session: str, stage: Stage) -> None:
    said = say(alice, session, "one two three four five")
    assert said["user_message"]["token_count"] == 5
    assert said["assistant_message"]["token_count"] == 7


def test_no_more_messages_are_told_than_the_operator_allows(
    alice: User, stage: Stage, start_server: Callable[..., RiniServer]
) -> None:
    there = User(start_server(MAX_CONTEXT_MESSAGES="4"), alice.account)
    session_id = new_session(alice, system_prompt=SYSTEM)
    for number in range(6):
        say(there, session_id, f"{number}")
    lengths = [len(told(stage, number)) - 1 for number in range(6)]
    assert lengths == [1, 3, 1, 3, 1, 3]


@pytest.mark.usefixtures("worker")
def test_what_was_left_out_is_summarised_and_the_summary_stays(
    alice: User, small: str, stage: Stage
) -> None:
    session_id = new_session(alice, system_prompt=SYSTEM)
    stage.always(Script(pieces=["여름 휴가", " 이야기"]), model="small")
    cut = ask_until_cut(alice, session_id, stage)
    assert told(stage)[0]["content"] == SYSTEM
    kept = told(stage)[1:]
    made = eventually(lambda: Summary.objects.exclude(content="").first(), within=30)
    assert made.content == "여름 휴가 이야기"
    record = UsageRecord.objects.get(purpose="summary")
    assert (str(record.session_id), record.model) == (session_id, "small")
    asked = next(c for c in stage.calls if "Summarise" in str(c.body))
    assert "질문 1:" in asked.body["messages"][-1]["content"]
    ask(alice, session_id, cut + 1)
    with_summary = told(stage)
    assert with_summary[0]["content"] == f"{SYSTEM}\n\n{SUMMARY_HEADING}\n여름 휴가 이야기"
    assert goes_on(kept, with_summary[1:])
    ask(alice, session_id, cut + 2)
    assert goes_on(with_summary, told(stage))
    assert UsageRecord.objects.filter(purpose="summary").count() == 1


@pytest.mark.usefixtures("worker")
def test_a_summary_is_of_the_branches_that_have_its_message(
    alice: User, small: str, stage: Stage
) -> None:
    session_id = new_session(alice)
    first = ask(alice, session_id, 0)
    ask_until_cut(alice, session_id, stage)
    made = eventually(lambda: Summary.objects.exclude(content="").first(), within=30)
    last = messages(alice, session_id)[-2]
    again = alice.post(f"/messages/{last['id']}/edit", json={"content": "다른 " + "word " * 40})
    assert again.status_code == 200, again.text
    begin = f"{SUMMARY_HEADING}\n{made.content[:40]}"
    assert begin in told(stage)[0]["content"]
    assert made.content not in told(stage)[0]["content"]  # it has an eighth of the window
    above = first["assistant_message"]["id"]
    ask(alice, session_id, 99, parent_message_id=above)
    assert SUMMARY_HEADING not in str(told(stage))
    copy = alice.post(f"/sessions/{session_id}/fork", json={"message_id": last["id"]}).json()
    ask(alice, copy["id"], 100)
    assert begin in told(stage)[0]["content"]
    assert UsageRecord.objects.filter(purpose="summary").count() == 1


def test_a_summary_of_another_branch_is_none(alice: User, session: str, stage: Stage) -> None:
    first = say(alice, session, "하나")["assistant_message"]["id"]
    one, other = (
        say(alice, session, text, parent_message_id=first)["user_message"]["id"]
        for text in ("이쪽", "저쪽")
    )
    for message_id, told in ((first, "둘 다의"), (one, "이쪽의")):
        assert summaries.claim(message_id)
        assert summaries.latest([message_id]) is None
        summaries.store(message_id, told, "local/m")
    seen = [summaries.latest(path) for path in ([first, one], [first, other], [other])]
    assert [summary and summary.content for summary in seen] == ["이쪽의", "둘 다의", None]


def test_only_one_makes_a_summary_at_a_time(alice: User, session: str, stage: Stage) -> None:
    message = Message.objects.get(id=say(alice, session, "하나")["user_message"]["id"])
    assert [summaries.claim(message.pk) for _ in range(3)] == [True, False, False]
    Summary.objects.update(claimed_at=Summary.objects.get().claimed_at - summaries.TRY_AGAIN_AFTER)
    assert [summaries.claim(message.pk) for _ in range(2)] == [True, False]
    summaries.store(message.pk, "요약", "local/m")
    Summary.objects.update(claimed_at=Summary.objects.get().claimed_at - summaries.TRY_AGAIN_AFTER)
    assert not summaries.claim(message.pk)
