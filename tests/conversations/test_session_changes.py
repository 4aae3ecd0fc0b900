from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from billing.models import UsageRecord
from conversations import sessions
from conversations.models import Generation, JournalSegment, Message, SearchEntry, Session
from providers.models import ApiKey, Model
from tests.conftest import User
from tests.conversations.conftest import eventually, generate, new_session
from tests.conversations.test_messages import say
from tests.vendors.script import Script
from tests.vendors.stage import Stage


def aliases(user: User, **params: Any) -> list[str]:
    answer = user.get("/sessions/", params=params)
    assert answer.status_code == 200, answer.text
    return [row["alias"] for row in answer.json()]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_every_field_of_a_session_can_be_changed(alice: User, session: str, method: str) -> None:
    changes = {
        "alias": "바뀐 제목",
        "system_prompt": "请用中文回答。",
        "memory_mode": "disabled",
        "model": "demo/demo",
        "metadata": {"色": "青"},
        "tags": ["일", "生活"],
        "pinned": True,
        "archived": True,
    }
    answer = alice.request(method, f"/sessions/{session}", json=changes)
    assert answer.status_code == 200, answer.text
    stored = alice.get(f"/sessions/{session}/").json()
    assert answer.json() == stored
    assert {name: stored[name] for name in changes} == {**changes, "memory_mode": "DISABLED"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_not_named_stays(alice: User, method: str) -> None:
    session_id = new_session(alice, alias="旅", tags=["a"], system_prompt="p")
    changed = alice.request(method, f"/sessions/{session_id}", json={"pinned": True}).json()
    assert (changed["alias"], changed["tags"], changed["system_prompt"]) == ("旅", ["a"], "p")
    assert changed["pinned"] is True


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"alias": "x" * 201}, "alias"),
        ({"pinned": "perhaps"}, "pinned"),
        ({"tags": [["a"]]}, "tags.0"),
        ({"model": "no/such-model"}, "model"),
        ({"model": "openai/text-embedding-3-small"}, "model"),
        ({"active_message_id": "first"}, "active_message_id"),
        ({"active_message_id": 2**63}, "active_message_id"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    alice: User, session: str, changes: dict[str, object], field: str
) -> None:
    before = alice.get(f"/sessions/{session}").json()
    answer = alice.patch(f"/sessions/{session}", json=changes)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert alice.get(f"/sessions/{session}").json() == before


def test_a_session_begins_with_a_model_of_the_catalogue_or_of_an_own_server(alice: User) -> None:
    assert Model.objects.filter(provider="openai", name="gpt-4o-mini").exists()
    for model in ("openai/gpt-4o-mini", "local/anything:8b", "demo/demo", ""):
        assert alice.post("/sessions/", json={"model": model}).json()["model"] == model
    answer = alice.post("/sessions/", json={"model": "gpt-4o-minni"})
    assert answer.status_code == 400
    assert "gpt-4o-mini" in answer.json()["errors"]["model"][0]


def test_the_model_of_a_session_answers_in_it(alice: User, stage: Stage) -> None:
    session_id = new_session(alice, model="local/its-own")
    body = {"text": "질문", "session_id": session_id}
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    assert stage.wait_for_call().model == "its-own"


def test_sessions_are_filtered(alice: User, bob: User) -> None:
    new_session(alice, alias="서울 여행", tags=["旅行", "2026"])
    new_session(alice, alias="東京旅行", tags=["旅行"])
    new_session(alice, alias="Work notes", tags=["work"])
    new_session(bob, alias="서울 여행", tags=["旅行"])
    work = alice.get("/sessions/", params={"tag": "work"}).json()[0]["id"]
    alice.patch(f"/sessions/{work}", json={"archived": True, "pinned": True})
    assert aliases(alice, tag="旅行") == ["東京旅行", "서울 여행"]
    assert aliases(alice, tag="旅") == []
    assert aliases(alice, archived="true") == aliases(alice, pinned="1") == ["Work notes"]
    assert aliases(alice, archived="false") == ["東京旅行", "서울 여행"]
    assert aliases(alice, q="여행") == aliases(alice, q="서") == ["서울 여행"]
    assert aliases(alice, q="wor") == ["Work notes"]
    assert aliases(alice, q="旅行", archived="true") == []
    assert aliases(alice, q="旅行", skip=1) == []


def test_a_session_is_found_by_its_new_title_and_not_by_its_old_one(alice: User) -> None:
    session_id = new_session(alice, alias="옛날 제목")
    alice.patch(f"/sessions/{session_id}", json={"alias": "새로운 이름"})
    assert aliases(alice, q="옛날") == []
    assert aliases(alice, q="새로") == ["새로운 이름"]
    alice.patch(f"/sessions/{session_id}", json={"alias": ""})
    assert aliases(alice, q="새로") == []


@pytest.mark.parametrize("query", ["archived=maybe", "pinned=2", "q=!!", "q=" + "x" * 201, "q=%00"])
def test_a_filter_that_makes_no_sense_is_refused(alice: User, query: str) -> None:
    answer = alice.get(f"/sessions/?{query}")
    assert answer.status_code == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["errors"]


def test_the_branch_that_is_open_can_be_chosen(alice: User, session: str, stage: Stage) -> None:
    first = say(alice, session, "하나")
    old = say(alice, session, "둘")["assistant_message"]["id"]
    other = say(alice, session, "둘, 다르게", parent_message_id=first["assistant_message"]["id"])[
        "assistant_message"
    ]["id"]
    assert alice.get(f"/sessions/{session}").json()["active_message_id"] == other
    chosen = alice.patch(f"/sessions/{session}", json={"active_message_id": old})
    assert chosen.json()["active_message_id"] == old
    assert say(alice, session, "셋")["user_message"]["parent_message_id"] == old
    assert alice.put(f"/sessions/{session}", json={"active_message_id": None}).status_code == 200
    assert say(alice, session, "처음")["user_message"]["parent_message_id"] is None


def test_a_change_leaves_alone_what_an_answer_changes_at_the_same_time(
    alice: User, session: str, stage: Stage
) -> None:
    opened = Session.objects.get(id=session)
    answer = say(alice, session, "질문")["assistant_message"]["id"]
    sessions.change(opened, {"alias": "새 제목"})
    stored = alice.get(f"/sessions/{session}").json()
    assert (stored["alias"], stored["active_message_id"]) == ("새 제목", answer)


def test_only_a_message_of_the_session_can_be_its_end(
    alice: User, bob: User, session: str, stage: Stage
) -> None:
    own_elsewhere = say(alice, new_session(alice), "다른 곳")["assistant_message"]["id"]
    foreign = say(bob, new_session(bob), "秘密")["assistant_message"]["id"]
    for wrong in (own_elsewhere, foreign, 2**40):
        answer = alice.patch(f"/sessions/{session}", json={"active_message_id": wrong})
        assert answer.status_code == 404
        made = alice.post("/sessions/", json={"active_message_id": wrong})
        assert made.status_code == 404
    assert alice.get(f"/sessions/{session}").json()["active_message_id"] is None


def test_a_deleted_session_is_gone_with_all_that_is_its(
    alice: User, session: str, stage: Stage
) -> None:
    say(alice, session, "지워질 말")
    ApiKey.objects.create(
        user_id=alice.user_id, provider_id="openai", session_id=session, sealed=b"x", last4="x"
    )
    assert alice.delete(f"/sessions/{session}").status_code == 204
    assert alice.get(f"/sessions/{session}").status_code == 404
    assert alice.delete(f"/sessions/{session}/").status_code == 404
    for kind in (Session, Message, Generation, JournalSegment, SearchEntry, ApiKey):
        assert not kind.objects.exists(), kind


def test_deleting_a_session_ends_what_is_being_written_in_it(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(Script(pieces=["조금", "씩"] * 100, delay=0.05))
    generate(alice, session)
    call = stage.wait_for_call()
    eventually(lambda: call.pieces_sent > 1)
    assert alice.delete(f"/sessions/{session}").status_code == 204
    assert UsageRecord.objects.get().status == "stopped"
    assert call.wait_closed(2)
    assert not Message.objects.exists()


def test_nobody_changes_or_deletes_a_session_of_others(alice: User, bob: User) -> None:
    foreign = new_session(bob, alias="밥의 것")
    for wrong in (foreign, str(uuid4())):
        assert alice.patch(f"/sessions/{wrong}", json={"alias": "x"}).status_code == 404
        assert alice.put(f"/sessions/{wrong}", json={"alias": "x"}).status_code == 404
        assert alice.delete(f"/sessions/{wrong}").status_code == 404
    assert bob.get(f"/sessions/{foreign}").json()["alias"] == "밥의 것"
