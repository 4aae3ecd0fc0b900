from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.conftest import User
from tests.conversations.conftest import new_session, stored

FIELDS = {
    *("id", "user_id", "alias", "system_prompt", "memory_mode", "model", "metadata", "tags"),
    *("pinned", "archived", "active_message_id", "created_at", "updated_at", "last_accessed"),
    *("owner_id", "my_access"),
}
TEXTS = [
    "안녕하세요, 세계! 한글 조합형도: 한글",
    "你好，世界：繁體與简体",
    "こんにちは、世界。ｶﾀｶﾅ と が",
    "👩‍👩‍👧‍👦 🇰🇷 🏳️‍🌈 𝒳",
    "  blanks before and after \t ",
    "\nlines\r\nand ends\r",
    "a literal \\u0000 in a program",
]


def test_a_session_is_made_with_its_defaults(alice: User) -> None:
    answer = alice.post("/sessions/", json={})
    made = answer.json()
    assert answer.status_code == 201
    assert set(made) == FIELDS
    assert made["user_id"] == alice.user_id
    assert (made["alias"], made["system_prompt"], made["memory_mode"]) == ("", "", "AUTO")
    assert (made["metadata"], made["tags"]) == ({}, [])
    assert made["active_message_id"] is None
    assert made["created_at"].endswith("Z")


def test_a_session_keeps_what_it_was_given(alice: User) -> None:
    body = {
        "alias": "여행 계획",
        "system_prompt": "あなたは旅行の専門家です。",
        "memory_mode": "explicit",
        "model": "local/qwen3:8b",
        "metadata": {"来源": "网页", "n": [1, 2.5, None, True]},
        "tags": ["旅行", "서울"],
    }
    made = alice.post("/sessions/", json=body).json()
    assert {name: made[name] for name in body} == {**body, "memory_mode": "EXPLICIT"}
    assert alice.get(f"/sessions/{made['id']}").json() == made


@pytest.mark.parametrize("text", TEXTS)
def test_a_system_prompt_is_kept_byte_for_byte(alice: User, text: str) -> None:
    session_id = new_session(alice, system_prompt=text)
    assert alice.get(f"/sessions/{session_id}").json()["system_prompt"] == text


def test_sessions_are_listed_newest_first_in_pages(alice: User) -> None:
    ids = [new_session(alice, alias=f"세션 {number}") for number in range(12)]
    newest = ids[::-1]
    assert [row["id"] for row in alice.get("/sessions/").json()] == newest[:10]
    page = alice.get("/sessions/", params={"skip": 3, "limit": 4}).json()
    assert [row["id"] for row in page] == newest[3:7]
    assert alice.get("/sessions/", params={"skip": 12}).json() == []


@pytest.mark.parametrize("query", ["skip=-1", "limit=0", "limit=1001", "limit=ten", "skip=٣"])
def test_a_page_that_makes_no_sense_is_refused(alice: User, query: str) -> None:
    answer = alice.get(f"/sessions/?{query}")
    assert answer.status_code == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["errors"]


def test_sessions_of_others_are_not_there(alice: User, bob: User) -> None:
    session_id = new_session(alice)
    assert bob.get("/sessions/").json() == []
    for address in (f"/sessions/{session_id}", f"/sessions/{session_id}/messages/"):
        answer = bob.get(address)
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
        assert bob.get(address.replace(session_id, str(uuid4()))).status_code == 404


@pytest.mark.parametrize("address", ["/sessions", "/sessions/"])
def test_both_forms_of_the_address_answer(alice: User, address: str) -> None:
    made = alice.post(address, json={"alias": "둘"})
    assert made.status_code == 201
    assert len(alice.get(address).json()) == 1
    slash = address.removeprefix("/sessions")
    one = f"/sessions/{made.json()['id']}"
    assert alice.get(one + slash).status_code == 200
    assert alice.get(f"{one}/messages{slash}").json() == []


def test_nobody_without_a_token_sees_sessions(client: httpx.Client) -> None:
    for method, address in (
        ("GET", "/sessions/"),
        ("POST", "/sessions/"),
        ("GET", f"/sessions/{uuid4()}"),
        ("GET", f"/sessions/{uuid4()}/messages/"),
        ("GET", "/generations/"),
        ("GET", f"/generations/{uuid4()}"),
    ):
        answer = client.request(method, address)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), address
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"alias": "x" * 201}, "alias"),
        ({"system_prompt": 5}, "system_prompt"),
        ({"memory_mode": "SOMETIMES"}, "memory_mode"),
        ({"metadata": []}, "metadata"),
        ({"tags": "여행"}, "tags"),
        ({"tags": ["x" * 51]}, "tags.0"),
        ({"model": "x" * 252}, "model"),
    ],
)
def test_a_session_with_a_wrong_field_is_refused(
    alice: User, body: dict[str, object], field: str
) -> None:
    before = stored()
    answer = alice.post("/sessions/", json=body)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert stored() == before


def test_nobody_makes_a_session_for_somebody_else(alice: User, bob: User) -> None:
    made = alice.post("/sessions/", json={"user_id": bob.user_id}).json()
    assert made["user_id"] == alice.user_id
    assert alice.post("/sessions/", json={"user": bob.user_id}).status_code == 400
