from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from conversations.models import SearchEntry
from tests.conftest import User
from tests.conversations.conftest import eventually, generate, new_session
from tests.conversations.test_messages import messages, say
from tests.conversations.test_tree import add
from tests.vendors.script import Script
from tests.vendors.stage import Stage

SAID = {
    "ko": "서울특별시의 날씨는 오늘도 맑습니다.",
    "zh": "今天的天气很好，我们去北京旅行吧。",
    "ja": "今日の天気は良いので、京都タワーへ行きましょう。",
    "en": "The weather is fine, so let's plan a trip to Straßburg.",
}


def search(user: User, q: str, **params: Any) -> list[dict[str, Any]]:
    answer = user.get("/search", params={"q": q, **params})
    assert answer.status_code == 200, answer.text
    hits: list[dict[str, Any]] = answer.json()
    return hits


@pytest.mark.parametrize(
    ("language", "question"),
    [
        *(("ko", part) for part in ("특별", "날씨", "서울 오늘", "맑")),
        *(("zh", part) for part in ("北京", "天气很好", "旅")),
        *(("ja", part) for part in ("京都", "タワ", "行きましょう")),
        *(("en", part) for part in ("weather", "STRASS", "pla trip")),
    ],
)
def test_messages_are_found_by_parts_of_words(
    alice: User, session: str, language: str, question: str
) -> None:
    by_language = {name: add(alice, session, text) for name, text in SAID.items()}
    hits = search(alice, question)
    assert [hit["message_id"] for hit in hits] == [by_language[language]]
    assert hits[0]["snippet"] == SAID[language]
    assert (hits[0]["session_id"], hits[0]["role"]) == (session, "user")
    assert hits[0]["rank"] > 0


def test_where_nothing_has_every_word_what_has_most_comes_first(alice: User, session: str) -> None:
    some = add(alice, session, "부산에는 바다가 있다")
    most = add(alice, session, "부산 호텔 이름은 바다마루였다")
    add(alice, session, "The weather is fine")
    found = [hit["message_id"] for hit in search(alice, "어제 말한 부산 호텔 이름이 뭐였지?")]
    assert found == [most, some]
    assert [hit["message_id"] for hit in search(alice, "부산 호텔")] == [most]
    assert search(alice, "어제 말한 부산 호텔", role="assistant") == []


def test_questions_and_answers_are_found_when_the_answer_is_whole(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(Script(pieces=["제주", "도입", "니다"]))
    said = say(alice, session, "가장 큰 섬은?")
    assert [h["message_id"] for h in search(alice, "섬")] == [said["user_message"]["id"]]
    assert [h["message_id"] for h in search(alice, "제주도")] == [said["assistant_message"]["id"]]


def test_a_stopped_answer_is_found_by_what_it_says(alice: User, session: str, stage: Stage) -> None:
    stage.next(Script(pieces=["한라산", *["…"] * 500], delay=0.02))
    begun = generate(alice, session)
    eventually(lambda: messages(alice, session)[-1]["content"])
    alice.post(f"/generations/{begun['id']}/stop")
    assert [h["message_id"] for h in search(alice, "한라")] == [begun["assistant_message_id"]]


def test_titles_are_found_and_come_before_messages(alice: User) -> None:
    talks = new_session(alice, alias="잡담")
    message = add(alice, talks, "부산 여행 부산 여행 부산 여행")
    titled = new_session(alice, alias="부산 여행")
    first, second = search(alice, "부산")
    assert (first["session_id"], first["message_id"], first["role"]) == (titled, None, None)
    assert first["snippet"] == first["session_alias"] == "부산 여행"
    assert (second["message_id"], second["session_alias"]) == (message, "잡담")
    assert first["rank"] > second["rank"]


def test_who_says_it_more_often_comes_first(alice: User, session: str) -> None:
    once = add(alice, session, "고양이 한 마리가 길을 건너갔다")
    often = add(alice, session, "고양이 고양이 고양이")
    assert [hit["message_id"] for hit in search(alice, "고양이")] == [often, once]


def test_a_snippet_shows_the_place(alice: User, session: str) -> None:
    add(alice, session, "앞 " * 400 + "여기 바늘이 있다" + " 뒤" * 400)
    (hit,) = search(alice, "바늘")
    assert "여기 바늘이 있다" in hit["snippet"]
    assert len(hit["snippet"]) < 170


def test_results_come_in_pages_and_by_filter(alice: User) -> None:
    one, two = new_session(alice, tags=["일"]), new_session(alice)
    asked = [add(alice, one, "바다 이야기") for _ in range(3)]
    told = add(alice, two, "바다 이야기", role="assistant")
    alice.patch(f"/sessions/{two}", json={"archived": True})
    newest_first = [told, *reversed(asked)]

    def found(**params: Any) -> list[int]:
        return [hit["message_id"] for hit in search(alice, "바다", **params)]

    assert found() == newest_first
    assert found(limit=2) + found(skip=2, limit=2) == newest_first
    assert found(session_id=one) == found(role="user") == found(tag="일") == newest_first[1:]
    assert found(archived="true") == found(role="assistant") == [told]
    assert found(session_id=one, role="assistant") == []


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%20", "q=…", "q=a&session_id=1", "q=a&role=x", "q=a&limit=0", "q=a&archived=x"],
)
def test_a_search_that_makes_no_sense_is_refused(alice: User, query: str) -> None:
    answer = alice.get(f"/search?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"]


@pytest.mark.parametrize("question", ["'", "\\", "a & | !b:*", "'); DROP TABLE x; --", "<->", "%"])
def test_the_notation_of_the_database_means_nothing(
    alice: User, session: str, question: str
) -> None:
    add(alice, session, f"before {question} after a b drop table x")
    answer = alice.get("/search", params={"q": f"{question} after"})
    assert answer.status_code == 200
    assert len(answer.json()) == 1


def test_nobody_finds_what_others_said(alice: User, bob: User) -> None:
    foreign = new_session(bob, alias="비밀 계획")
    add(bob, foreign, "비밀 이야기")
    assert search(alice, "비밀") == []
    assert search(alice, "비밀", session_id=foreign) == []
    assert alice.get("/sessions/", params={"q": "비밀"}).json() == []
    assert len(search(bob, "비밀")) == 2


def test_what_is_deleted_is_not_found(alice: User, session: str) -> None:
    add(alice, session, "사라질 말")
    alice.delete(f"/sessions/{session}")
    assert search(alice, "사라질") == []
    assert not SearchEntry.objects.exists()


def test_what_was_stored_by_an_older_version_is_indexed_anew(alice: User, stage: Stage) -> None:
    session = new_session(alice, alias="Café 서울")
    alice.post(f"/sessions/{session}/messages/", json={"role": "user", "content": "Crème brûlée"})
    SearchEntry.objects.update(terms="'café':1")
    assert not alice.get("/search", params={"q": "creme"}).json()
    migration = import_module("conversations.migrations.0003_terms_without_accents")
    migration.index_anew(None, connection.schema_editor())
    assert len(alice.get("/search", params={"q": "creme"}).json()) == 1
    assert len(alice.get("/search", params={"q": "cafe"}).json()) == 1
