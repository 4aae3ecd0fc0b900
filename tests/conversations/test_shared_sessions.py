"""Sessions as others read them: as they were when they were shared, by name or by a link."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import User
from tests.conversations.test_images import look

SAID = ("서울에서 무엇을 볼까요?", "경복궁과 북촌이요.")
LATER = "그리고 나중에 한 말"


@pytest.fixture
def session(alice: User) -> str:
    """A session of alice's with a question and an answer."""
    made = alice.post(
        "/sessions/",
        json={
            "alias": "東京旅行の計画",
            "system_prompt": "비밀 지시",
            "metadata": {"from": "비밀"},
            "tags": ["비밀"],
        },
    ).json()
    session_id: str = made["id"]
    for role, text in zip(("user", "assistant"), SAID, strict=True):
        say(alice, session_id, text, role=role)
    return session_id


def say(who: User, session: str, text: str, **fields: Any) -> int:
    body = {"role": "user", "content": text, **fields}
    answer = who.post(f"/sessions/{session}/messages/", json=body)
    assert answer.status_code == 201, answer.text
    message_id: int = answer.json()["id"]
    return message_id


def share(owner: User, session: str, **body: Any) -> None:
    answer = owner.put(f"/shares/sessions/{session}/", json=body)
    assert answer.status_code == 200, answer.text


def texts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [message["content"] for message in answer.json()]


def test_a_reader_sees_a_session_as_it_was_when_it_was_shared(
    alice: User, bob: User, session: str
) -> None:
    share(alice, session, user_id=bob.user_id)
    later = say(alice, session, LATER)
    shown = bob.get(f"/sessions/{session}").json()
    assert (shown["alias"], shown["owner_id"], shown["my_access"]) == (
        "東京旅行の計画",
        alice.user_id,
        "read",
    )
    assert (shown["system_prompt"], shown["metadata"], shown["tags"]) == ("", {}, [])
    assert texts(bob.get(f"/sessions/{session}/messages/")) == list(SAID)
    assert texts(bob.get(f"/sessions/{session}/messages/", params={"from": "end"})) == list(SAID)
    assert bob.get(f"/messages/{later}").status_code == 404
    before = bob.get(f"/sessions/{session}/messages/", params={"before": later})
    assert before.status_code == 404
    assert texts(alice.get(f"/sessions/{session}/messages/")) == [*SAID, LATER]
    assert alice.get(f"/sessions/{session}").json()["my_access"] == "write"


def test_a_reader_sees_no_other_branch(alice: User, bob: User, session: str) -> None:
    first = alice.get(f"/sessions/{session}/messages/").json()[0]["id"]
    other = say(alice, session, LATER, role="assistant", parent_message_id=first)
    share(alice, session, user_id=bob.user_id, message_id=other)
    assert texts(bob.get(f"/sessions/{session}/messages/")) == [SAID[0], LATER]
    for parameter in ("all", "siblings"):
        refused = bob.get(f"/sessions/{session}/messages/", params={parameter: "true"})
        assert refused.json()["errors"].keys() == {parameter}
    assert "sibling_ids" not in bob.get(f"/messages/{other}").json()
    assert bob.get(f"/messages/{other}", params={"siblings": "true"}).status_code == 404


def test_a_share_moves_on_when_it_is_given_again(alice: User, bob: User, session: str) -> None:
    share(alice, session, user_id=bob.user_id)
    say(alice, session, LATER)
    share(alice, session, user_id=bob.user_id)
    assert texts(bob.get(f"/sessions/{session}/messages/")) == [*SAID, LATER]


def test_a_reader_is_told_nothing_of_what_it_cost(alice: User, bob: User) -> None:
    made = alice.post("/sessions/", json={}).json()["id"]
    body = {"text": SAID[0], "session_id": made, "provider": "demo", "model": "demo"}
    answer = alice.post("/llm/text-completion/", json=body).raise_for_status().json()
    share(alice, made, user_id=bob.user_id)
    message_id = answer["assistant_message"]["id"]
    assert alice.get(f"/messages/{message_id}").json()["cost"] is not None
    assert bob.get(f"/messages/{message_id}").json()["cost"] is None
    assert bob.get(f"/sessions/{made}/messages/").json()[1]["cost"] is None


def test_a_session_is_only_read_and_an_empty_one_not_shared(
    alice: User, bob: User, session: str
) -> None:
    path = f"/shares/sessions/{session}/"
    refused = alice.put(path, json={"user_id": bob.user_id, "access": "write"})
    assert refused.json()["errors"].keys() == {"access"}
    foreign = say(bob, bob.post("/sessions/", json={}).json()["id"], "다른 말")
    refused = alice.put(path, json={"user_id": bob.user_id, "message_id": foreign})
    assert refused.json()["errors"].keys() == {"message_id"}
    empty = alice.post("/sessions/", json={}).json()["id"]
    refused = alice.put(f"/shares/sessions/{empty}/", json={"user_id": bob.user_id})
    assert refused.json()["errors"].keys() == {"message_id"}


def test_shared_sessions_are_listed_apart_and_found_by_no_ones_filter(
    alice: User, bob: User, session: str
) -> None:
    share(alice, session, user_id=bob.user_id)
    own = bob.post("/sessions/", json={"alias": "내 것"}).json()["id"]
    assert [shown["id"] for shown in bob.get("/sessions/").json()] == [own]
    [listed] = bob.get("/sessions/", params={"shared": "true"}).json()
    assert (listed["id"], listed["my_access"], listed["tags"]) == (session, "read", [])
    for parameters in ({"tag": "비밀"}, {"q": "경복궁"}, {"pinned": "false"}):
        refused = bob.get("/sessions/", params={"shared": "true", **parameters})
        assert refused.status_code == 400
    assert bob.get("/search", params={"q": "경복궁"}).json() == []


def link(owner: User, session: str, **body: Any) -> dict[str, str]:
    answer = owner.post(f"/shares/sessions/{session}/link", json=body)
    assert answer.status_code == 201, answer.text
    told: dict[str, str] = answer.json()
    return told


def test_whoever_has_a_link_reads_without_an_account(
    alice: User, client: httpx.Client, session: str
) -> None:
    told = link(alice, session)
    say(alice, session, LATER)
    shown = client.get(told["link"])
    assert shown.status_code == 200
    assert shown.json().keys() == {"alias", "model", "created_at", "shared_at"}
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["X-Robots-Tag"] == "noindex"
    messages = client.get(f"{told['link']}/messages")
    assert texts(messages) == list(SAID)
    for hidden in (alice.user_id, "비밀", LATER, "cost"):
        assert hidden not in messages.text + shown.text
    [told_of] = alice.get(f"/shares/sessions/{session}/").json()
    assert told_of["link"] is True
    assert told["token"] not in str(told_of)


def test_a_link_can_be_taken_back(alice: User, client: httpx.Client, session: str) -> None:
    first = link(alice, session)
    second = link(alice, session)
    assert client.get(first["link"]).status_code == 404
    assert client.get(second["link"]).status_code == 200
    assert alice.delete(f"/shares/sessions/{session}/link").status_code == 204
    assert client.get(second["link"]).status_code == 404
    assert client.get(f"{second['link']}/messages").status_code == 404
    assert alice.delete(f"/shares/sessions/{session}/link").status_code == 404
    third = link(alice, session)
    alice.delete(f"/sessions/{session}").raise_for_status()
    assert client.get(third["link"]).status_code == 404


def test_a_link_opens_nothing_but_its_session(
    alice: User, bob: User, client: httpx.Client, session: str
) -> None:
    told = link(alice, session)
    assert bob.get(f"/sessions/{session}").status_code == 404
    assert bob.get("/sessions/", params={"shared": "true"}).json() == []
    assert client.get(f"/sessions/{session}").status_code == 401
    later = say(alice, session, LATER)
    assert client.get(f"{told['link']}/messages/{later}/file").status_code == 404
    assert client.get(f"/shared/sessions/{'x' * 43}").status_code == 404


def test_an_image_of_a_shared_message_is_shown_and_no_other(
    alice: User, bob: User, client: httpx.Client
) -> None:
    made = alice.post("/sessions/", json={}).json()["id"]
    look(alice, session_id=made)
    share(alice, made, user_id=bob.user_id)
    told = link(alice, made)
    look(alice, session_id=made)
    first, later = [m["id"] for m in alice.get(f"/sessions/{made}/messages/").json()][::2]
    for shown in (
        bob.get(f"/messages/{first}/file"),
        client.get(f"{told['link']}/messages/{first}/file"),
    ):
        assert shown.status_code == 200, shown.text
        assert shown.headers["Content-Type"] == "image/png"
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert bob.get(f"/messages/{later}/file").status_code == 404
    assert client.get(f"{told['link']}/messages/{later}/file").status_code == 404
