"""What is learnt from a conversation, on request and by itself, and what never is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from billing.models import UsageRecord
from conversations.models import Message
from memory.models import Extraction, Trace
from tests.conftest import User
from tests.conversations.conftest import eventually, new_session
from tests.conversations.worker import running
from tests.knowledge.test_knowledge_bases import filled
from tests.memory.conftest import ask, listed, remember, shared
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

__all__ = ["filled"]


def found(*memories: dict[str, Any]) -> Script:
    """A model that proposes these."""
    rows = [{"line": 1, "importance": 0.7, **memory} for memory in memories]
    return Script(pieces=["```json\n", orjson.dumps({"memories": rows}).decode(), "\n```"])


def extract(user: User, session: str, **body: Any) -> list[dict[str, Any]]:
    answer = user.post(f"/sessions/{session}/memory/extract", json=body)
    assert answer.status_code == 200, answer.text
    made: list[dict[str, Any]] = answer.json()
    return made


@pytest.mark.parametrize(
    ("said", "content", "quote"),
    [
        ("안녕! 나는 부산에 살고 회를 좋아해.", "부산에 산다.", "나는 부산에 살고"),
        ("大阪に住んでいます。よろしく!", "大阪に住んでいる。", "大阪に住んでいます"),
        ("我住在成都,喜欢吃辣。", "住在成都。", "我住在成都"),
        ("Hi, I live in Busan, by the sea.", "Lives in Busan.", "I live in Busan"),
    ],
)
def test_a_fact_is_learnt_with_the_message_that_says_it(
    alice: User, session: str, stage: Stage, said: str, content: str, quote: str
) -> None:
    message = ask(alice, session, said)["user_message"]["id"]
    stage.next(found({"type": "Fact", "content": content, "quote": quote, "keywords": ["home"]}))
    [made] = extract(alice, session)
    assert (made["content"], made["origin"], made["scope"]) == (content, "extracted", "Shared")
    assert made["source_message_ids"] == [message]
    assert made["keywords"] == ["home"]
    asked = stage.calls[-1].body["messages"]
    assert said in asked[-1]["content"]
    assert UsageRecord.objects.get(purpose="memory").session_id is not None


@pytest.mark.parametrize(
    "proposal",
    [
        {"type": "Fact", "content": "서울에 산다.", "quote": "나는 서울에 살아"},
        {"type": "Fact", "content": "부산에 산다.", "quote": ""},
        {"type": "Fact", "content": "", "quote": "부산에 살아"},
        {"type": "Secret", "content": "부산에 산다.", "quote": "부산에 살아"},
        {"type": "Fact", "content": "부산에 산다.", "quote": "부산에 살아", "line": 9},
        {"type": "Fact", "content": "부산에 산다.", "quote": "부산에 살아", "line": True},
        {"type": "Fact", "content": "가" * 501, "quote": "부산에 살아"},
        {"type": "Rule", "content": "늘 그렇게.", "quote": "물론입니다", "line": 2},
    ],
)
def test_what_the_words_do_not_bear_out_is_not_learnt(
    alice: User, session: str, stage: Stage, proposal: dict[str, Any]
) -> None:
    stage.next(Script(pieces=["물론입니다"]))
    ask(alice, session, "나는 부산에 살아")
    stage.next(found(proposal))
    assert extract(alice, session) == []
    assert listed(alice) == []


@pytest.mark.parametrize(
    "pieces",
    [
        ["I cannot help with that."],
        ['{"memories": '],
        ['{"memories": {"content": "x"}}'],
        ["[1, null, [], {}]"],
        [""],
    ],
)
def test_an_answer_without_sense_teaches_nothing(
    alice: User, session: str, stage: Stage, pieces: list[str]
) -> None:
    ask(alice, session, "나는 부산에 살아")
    stage.next(Script(pieces=pieces))
    assert extract(alice, session) == []


def test_of_ten_thousand_proposals_only_some_are_taken(
    alice: User, session: str, stage: Stage
) -> None:
    ask(alice, session, "나는 부산에 살아")
    rows = [
        {"type": "Fact", "content": f"{number} {chr(0xAC00 + number)}", "quote": "부산에 살아"}
        for number in range(10_000)
    ]
    stage.next(found(*rows))
    assert len(extract(alice, session)) == 50


def test_an_entry_stays_in_the_language_of_its_words(
    alice: User, session: str, stage: Stage
) -> None:
    ask(alice, session, "나는 부산에 살고 있어.")
    stage.next(found({"type": "Fact", "content": "Lives in Busan.", "quote": "부산에 살고 있어"}))
    [made] = extract(alice, session)
    assert made["content"] == "부산에 살고 있어"


def test_a_newer_fact_supersedes_the_older_and_both_stay(
    alice: User, session: str, stage: Stage
) -> None:
    older = shared(alice, session, "부산에 산다.")
    ask(alice, session, "나 대전으로 이사했어, 이제 부산이 아니야.")
    stage.next(
        found(
            {
                "type": "Fact",
                "content": "대전에 산다.",
                "quote": "대전으로 이사했어",
                "replaces": older["id"],
            }
        )
    )
    [newer] = extract(alice, session)
    former = alice.get(f"/memory/{older['id']}").json()
    assert (former["status"], former["superseded_by"]) == ("superseded", newer["id"])
    assert former["valid_until"] == newer["valid_from"]
    history = alice.get(f"/memory/{newer['id']}/history").json()
    assert [(one["memory_id"], one["change"]) for one in history] == [
        (older["id"], "created"),
        (newer["id"], "created"),
        (older["id"], "superseded"),
    ]
    ask(alice, session, "어디 살지?")
    told = stage.calls_of(model="played")[-1].body["messages"][0]["content"]
    assert "대전에 산다." in told
    assert "부산에 산다." not in told
    assert alice.post(f"/memory/{newer['id']}/undo").status_code == 204
    assert alice.get(f"/memory/{older['id']}").json()["status"] == "active"


def test_only_ones_own_entries_are_superseded(
    alice: User, bob: User, session: str, stage: Stage
) -> None:
    theirs = shared(bob, new_session(bob), "부산에 산다.")
    ask(alice, session, "나 대전에 살아, 부산이 아니야.")
    proposal = {"type": "Fact", "content": "대전에 산다.", "quote": "대전에 살아"}
    stage.next(found({**proposal, "replaces": theirs["id"], "same_as": theirs["id"]}))
    assert len(extract(alice, session)) == 1
    assert bob.get(f"/memory/{theirs['id']}").json() == theirs


def test_a_paraphrase_adds_evidence(alice: User, session: str, stage: Stage) -> None:
    known = shared(alice, session, "부산에 산다.")
    said = ask(alice, session, "말했듯이 내 집은 부산이야.")["user_message"]["id"]
    proposal = {"type": "Fact", "content": "집이 부산이다.", "quote": "내 집은 부산이야"}
    stage.next(found({**proposal, "same_as": known["id"]}))
    [same] = extract(alice, session)
    assert (same["id"], same["content"]) == (known["id"], "부산에 산다.")
    assert same["source_message_ids"] == [said]
    again = {"type": "Fact", "content": "부산에 산다!", "quote": "내 집은 부산이야"}
    stage.next(found(again))
    assert [one["id"] for one in extract(alice, session)] == [known["id"]]
    assert listed(alice) == ["부산에 산다."]


def test_what_was_deleted_does_not_come_back(alice: User, session: str, stage: Stage) -> None:
    ask(alice, session, "나는 부산에 살아")
    proposal = {"type": "Fact", "content": "부산에 산다.", "quote": "부산에 살아"}
    stage.next(found(proposal))
    [made] = extract(alice, session)
    alice.delete(f"/memory/{made['id']}")
    stage.next(found(proposal))
    assert extract(alice, session) == []
    remember(alice, session, "부산에 산다.", scope="Shared")
    assert listed(alice) == ["부산에 산다."]


def test_what_the_assistant_repeats_of_memory_is_not_shown(
    alice: User, session: str, stage: Stage
) -> None:
    shared(alice, session, "무지개 송어를 세 마리 키운다.")
    stage.next(Script(pieces=["무지개 송어를 세 마리 키운다. ", "그리고 반갑습니다."]))
    ask(alice, session, "무지개 송어에 대해 뭘 알아?")
    stage.next(
        found(
            {"type": "Fact", "content": "송어", "quote": "무지개 송어를 세 마리 키운다", "line": 2}
        )
    )
    assert extract(alice, session) == []
    shown = stage.calls[-1].body["messages"][-1]["content"]
    assert "2. ASSISTANT: […] 그리고 반갑습니다." in shown


def test_what_a_passage_says_is_not_learnt_nor_obeyed(
    alice: User, filled: str, session: str, stage: Stage
) -> None:
    first = alice.get(f"/knowledge-bases/{filled}/documents/").json()[0]
    text = alice.get(f"/documents/{first['id']}/text").json()["text"]
    sentence = text.strip()[:120]
    stage.next(Script(pieces=[sentence]))
    ask(alice, session, sentence[:60], knowledge_base_ids=[filled])
    stage.next(found({"type": "Fact", "content": sentence, "quote": sentence, "line": 2}))
    assert extract(alice, session) == []


def test_only_named_messages_are_looked_through(alice: User, session: str, stage: Stage) -> None:
    first = ask(alice, session, "나는 부산에 살아")["user_message"]["id"]
    ask(alice, session, "고양이를 키워")
    stage.next(found())
    assert extract(alice, session, message_ids=[first]) == []
    shown = stage.calls[-1].body["messages"][-1]["content"]
    assert "부산" in shown
    assert "고양이" not in shown
    answer = alice.post(f"/sessions/{session}/memory/extract", json={"message_ids": [2**40]})
    assert answer.status_code == 404


def test_a_vendors_failure_is_told_to_who_asked(alice: User, session: str, stage: Stage) -> None:
    ask(alice, session, "나는 부산에 살아")
    stage.next(Script(failure=Failure(429)))
    assert alice.post(f"/sessions/{session}/memory/extract").status_code == 429
    assert listed(alice) == []


@pytest.fixture(scope="module")
def learning(server_environment: dict[str, str]) -> Iterator[None]:
    """A worker that looks through every exchange."""
    with running({**server_environment, "MEMORY_EXTRACTION": "true", "MEMORY_MODEL": "local/m"}):
        yield


def traced(session: str) -> Callable[[], bool]:
    return lambda: Trace.objects.filter(session_id=session, message_id__isnull=False).count() >= 2


def test_an_exchange_is_looked_through_once_and_by_itself(
    alice: User, session: str, stage: Stage, learning: None
) -> None:
    stage.always(
        found({"type": "Fact", "content": "부산에 산다.", "quote": "나는 부산에 살아"}), model="m"
    )
    ask(alice, session, "나는 부산에 살아, 반가워.")
    eventually(lambda: listed(alice) == ["부산에 산다."], within=30)
    assert len(stage.calls_of(model="m")) == 1
    assert Extraction.objects.filter(session_id=session).count() == 1
    [record] = UsageRecord.objects.filter(purpose="memory")
    assert record.model == "m"


def test_a_refusal_is_not_tried_again(
    alice: User, session: str, stage: Stage, learning: None
) -> None:
    stage.always(Script(failure=Failure(400)), model="m")
    answer = ask(alice, session, "나는 부산에 살아, 반가워.")
    assert answer["response_text"]
    eventually(lambda: Extraction.objects.filter(session_id=session).exists(), within=30)
    eventually(lambda: stage.calls_of(model="m"), within=30)
    ask(alice, session, "응")  # says too little to be looked through
    eventually(lambda: Trace.objects.filter(session_id=session).count() == 4, within=30)
    assert len(stage.calls_of(model="m")) == 1
    assert listed(alice) == []


@pytest.mark.parametrize("mode", ["EXPLICIT", "DISABLED"])
def test_nothing_is_learnt_by_itself_unless_memory_is_automatic(
    alice: User, stage: Stage, learning: None, mode: str
) -> None:
    session = new_session(alice, memory_mode=mode)
    ask(alice, session, "나는 부산에 살아, 반가워.")
    automatic = new_session(alice)
    stage.always(found(), model="m")
    ask(alice, automatic, "나는 대전에 살아, 반가워.")  # the queue is done in its order
    eventually(traced(automatic), within=30)
    eventually(lambda: Extraction.objects.filter(session_id=automatic).exists(), within=30)
    assert not Extraction.objects.filter(session_id=session).exists()
    assert Trace.objects.filter(session_id=session).exists() is (mode == "EXPLICIT")


def test_a_session_that_is_deleted_meanwhile_leaves_nothing(
    alice: User, session: str, stage: Stage, learning: None
) -> None:
    slow = found({"type": "Fact", "content": "부산에 산다.", "quote": "나는 부산에 살아"})
    stage.always(Script(pieces=slow.pieces, delay=0.5), model="m")
    ask(alice, session, "나는 부산에 살아, 반가워.")
    eventually(lambda: stage.calls_of(model="m"), within=30)
    assert alice.delete(f"/sessions/{session}").status_code == 204
    eventually(lambda: UsageRecord.objects.filter(purpose="memory").exists(), within=30)
    automatic = new_session(alice)
    ask(alice, automatic, "응")
    eventually(traced(automatic), within=30)
    assert listed(alice) == []
    assert not Message.objects.filter(session_id=session).exists()
    assert not Trace.objects.filter(session_id=session).exists()
