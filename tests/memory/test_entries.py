"""Entries as their user makes, changes, undoes, exports and deletes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import User
from tests.conversations.conftest import new_session
from tests.memory.conftest import ask, listed, remember, shared
from tests.vendors.stage import Stage


def test_an_entry_is_kept_as_it_was_given(alice: User, session: str, stage: Stage) -> None:
    said = ask(alice, session, "저는 서울에 삽니다.")["user_message"]["id"]
    made = remember(
        alice,
        session,
        "서울에 산다.",
        memory_type="fact",
        scope="session",
        source_message_ids=[said],
        keywords=["거주지", "住所"],
        importance=0.8,
    )
    assert made | {"id": 0, "timestamp": "", "valid_from": ""} == {
        "id": 0,
        "user_id": alice.user_id,
        "session_id": session,
        "memory_type": "Fact",
        "scope": "Session",
        "content": "서울에 산다.",
        "source_message_ids": [said],
        "keywords": ["거주지", "住所"],
        "importance": 0.8,
        "status": "active",
        "origin": "manual",
        "valid_from": "",
        "valid_until": None,
        "expires_at": None,
        "timestamp": "",
        "superseded_by": None,
    }
    assert alice.get(f"/memory/{made['id']}").json() == made
    assert alice.get(f"/sessions/{session}/memory").json() == [made]


def test_a_shared_entry_belongs_to_no_session(alice: User, session: str) -> None:
    made = shared(alice, session, "Prefers metric units.", memory_type="User Instruction")
    assert (made["session_id"], made["scope"]) == (None, "Shared")
    assert listed(alice, session_id=new_session(alice)) == ["Prefers metric units."]


def test_states_last_a_week_and_facts_until_they_are_superseded(alice: User, session: str) -> None:
    state = remember(alice, session, "휴가 중이다.", memory_type="User State")
    in_a_week = datetime.now(UTC) + timedelta(days=7)
    assert abs(datetime.fromisoformat(state["expires_at"]) - in_a_week) < timedelta(minutes=1)
    assert remember(alice, session, "고양이를 키운다.")["expires_at"] is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"scope": "Shared"}, ["모두"]),
        ({"memory_type": "Rule"}, ["규칙"]),
        ({"status": "expired"}, ["지난 일"]),
        ({"status": "active"}, ["모두", "규칙"]),
        ({"skip": 1, "limit": 1}, ["규칙"]),
        ({"q": "모두 무엇?"}, ["모두"]),
    ],
)
def test_entries_are_found_by(
    alice: User, session: str, filters: dict[str, Any], found: list[str]
) -> None:
    shared(alice, session, "모두")
    remember(alice, session, "규칙", memory_type="Rule")
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    remember(alice, session, "지난 일", expires_at=soon.isoformat())
    time.sleep(0.3)
    assert listed(alice, **filters) == found


@pytest.mark.parametrize("query", ["辛い 料理", "매운 음식을 좋아하나?", "辣的食物", "spicy food"])
def test_any_word_of_any_language_finds_an_entry(alice: User, session: str, query: str) -> None:
    for content in (
        "辛いものが苦手です",
        "매운 음식을 못 먹는다",
        "不吃辣",
        "Dislikes spicy meals",
    ):
        shared(alice, session, content)
    others = ["오른손잡이", "東京の大学", "北京人", "Plays chess"]
    for content in others:
        shared(alice, session, content)
    found = listed(alice, q=query)
    assert found
    assert not set(found) & set(others)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": "  "}, "content"),
        ({"content": 5}, "content"),
        ({"content": "x", "memory_type": "Wish"}, "memory_type"),
        ({"content": "x", "scope": "World"}, "scope"),
        ({"content": "x", "importance": 2}, "importance"),
        ({"content": "x", "keywords": "one"}, "keywords"),
        ({"content": "x", "expires_at": "tomorrow"}, "expires_at"),
        ({"content": "x", "contents": "y"}, "contents"),
    ],
)
def test_what_cannot_be_remembered_is_told_by_its_field(
    alice: User, session: str, body: dict[str, Any], field: str
) -> None:
    answer = alice.post(f"/sessions/{session}/memory", json=body)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_others_see_and_change_nothing(alice: User, bob: User, session: str) -> None:
    made = shared(alice, session, "비밀")
    for method, path, body in (
        ("GET", f"/memory/{made['id']}", None),
        ("PATCH", f"/memory/{made['id']}", {"content": "x"}),
        ("DELETE", f"/memory/{made['id']}", None),
        ("POST", f"/memory/{made['id']}/confirm", None),
        ("POST", f"/memory/{made['id']}/undo", None),
        ("GET", f"/memory/{made['id']}/history", None),
        ("POST", f"/sessions/{session}/memory", {"content": "x"}),
        ("GET", f"/sessions/{session}/memory", None),
        ("POST", f"/sessions/{session}/memory/extract", {}),
    ):
        assert bob.request(method, path, json=body).status_code == 404, path
    assert bob.get("/memory/").json() == []
    assert bob.get("/memory/export").json()["memories"] == []
    assert alice.get(f"/memory/{made['id']}").json() == made


def test_a_message_of_another_is_no_source(
    alice: User, bob: User, session: str, stage: Stage
) -> None:
    theirs = ask(bob, new_session(bob), "질문")["user_message"]["id"]
    body = {"content": "x", "source_message_ids": [theirs]}
    assert alice.post(f"/sessions/{session}/memory", json=body).status_code == 404


def test_a_change_is_told_and_taken_back(alice: User, session: str) -> None:
    made = shared(alice, session, "부산에 산다.")
    path = f"/memory/{made['id']}"
    changed = alice.patch(path, json={"content": "대전에 산다.", "importance": 1}).json()
    assert (changed["content"], changed["importance"]) == ("대전에 산다.", 1.0)
    assert listed(alice, q="대전") == ["대전에 산다."]
    created, edited = alice.get(f"{path}/history").json()
    assert (created["change"], edited["change"]) == ("created", "edited")
    assert edited["before"] == {"content": "부산에 산다.", "importance": 0.5}
    assert alice.post(f"{path}/undo").json() == made
    assert listed(alice, q="부산") == ["부산에 산다."]
    assert alice.post(f"{path}/undo").status_code == 204
    assert alice.get(path).status_code == 404


def test_an_export_comes_back_as_it_was(alice: User, bob: User, session: str, stage: Stage) -> None:
    said = ask(alice, session, "질문")["user_message"]["id"]
    shared(alice, session, "하나", keywords=["1"], source_message_ids=[said])
    remember(alice, session, "二つ", memory_type="Task")
    file = alice.get("/memory/export").json()
    assert alice.post("/memory/import", json=file).json() == {"imported": 0, "unchanged": 2}
    assert bob.post("/memory/import", json=file).json() == {"imported": 2, "unchanged": 0}
    one, two = bob.get("/memory/").json()
    assert (one["content"], one["keywords"], one["source_message_ids"]) == ("하나", ["1"], [])
    assert (two["content"], two["scope"], two["session_id"]) == ("二つ", "Shared", None)
    for entry in alice.get("/memory/").json():
        alice.delete(f"/memory/{entry['id']}")
    assert alice.post("/memory/import", json=file).json() == {"imported": 2, "unchanged": 0}
    one, two = alice.get("/memory/").json()
    assert one["source_message_ids"] == [said]
    assert two["session_id"] == session


def test_a_file_that_is_wrong_is_refused_whole_and_says_where(alice: User) -> None:
    rows = [{"content": "good"}, {"content": "bad", "importance": "high"}]
    answer = alice.post("/memory/import", json={"version": 1, "memories": rows})
    assert answer.status_code == 400
    assert "memories[1].importance" in answer.json()["errors"]
    assert listed(alice) == []


def test_what_goes_with_a_session_and_its_messages(alice: User, session: str, stage: Stage) -> None:
    said = ask(alice, session, "질문")["user_message"]["id"]
    elsewhere = new_session(alice)
    told = ask(alice, elsewhere, "다른 질문")["user_message"]["id"]
    remember(alice, session, "그 대화의 것")
    shared(alice, session, "증거를 잃는 것", source_message_ids=[said])
    both = shared(alice, session, "증거가 남는 것", source_message_ids=[said, told])
    shared(alice, session, "증거가 없던 것")
    assert alice.delete(f"/sessions/{session}").status_code == 204
    assert listed(alice) == ["증거가 남는 것", "증거가 없던 것"]
    assert alice.get(f"/memory/{both['id']}").json()["source_message_ids"] == [told]
