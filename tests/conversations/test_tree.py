from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import User
from tests.conversations.conftest import eventually, generate, new_session
from tests.conversations.test_messages import FIELDS, messages, say
from tests.vendors.script import Script
from tests.vendors.stage import Stage


def add(
    user: User, session_id: str, content: str, parent: int | None = None, role: str = "user"
) -> int:
    """Append a message and return its id."""
    body = {"role": role, "content": content, "parent_message_id": parent}
    answer = user.post(f"/sessions/{session_id}/messages/", json=body)
    assert answer.status_code == 201, answer.text
    added: int = answer.json()["id"]
    return added


def ids(user: User, address: str, **params: Any) -> list[int]:
    answer = user.get(address, params=params)
    assert answer.status_code == 200, answer.text
    return [message["id"] for message in answer.json()]


@pytest.mark.parametrize("role", ["user", "assistant", "system", "tool"])
def test_a_message_is_added_without_asking_a_model(
    alice: User, session: str, stage: Stage, role: str
) -> None:
    body = {"role": role, "content": "  직접 쓴 말\n"}
    answer = alice.post(f"/sessions/{session}/messages/", json=body)
    added = answer.json()
    assert answer.status_code == 201
    assert set(added) == FIELDS
    assert (added["role"], added["content"], added["status"]) == (role, body["content"], "complete")
    assert added["token_count"] > 0
    assert messages(alice, session) == [added]
    assert alice.get(f"/messages/{added['id']}").json() == added
    assert alice.get(f"/sessions/{session}").json()["active_message_id"] == added["id"]
    assert stage.calls == []


def test_messages_are_added_below_the_active_one_or_where_one_says(
    alice: User, session: str
) -> None:
    root = add(alice, session, "하나")
    below = add(alice, session, "둘")
    sibling = add(alice, session, "두 번째 둘", parent=root)
    assert [m["parent_message_id"] for m in messages(alice, session, all=True)] == [
        *(None, root, root)
    ]
    assert ids(alice, f"/sessions/{session}/messages/") == [root, sibling]
    assert ids(alice, f"/messages/{below}/history") == [root, below]


def test_added_messages_are_told_to_the_model(alice: User, session: str, stage: Stage) -> None:
    add(alice, session, "내 이름은 지수야.")
    add(alice, session, "반가워요, 지수님.", role="assistant")
    say(alice, session, "내 이름이 뭐지?")
    told = stage.wait_for_call().body["messages"]
    assert [m["content"] for m in told] == [
        *("내 이름은 지수야.", "반가워요, 지수님.", "내 이름이 뭐지?")
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"content": "역할 없이"}, "role"),
        ({"role": "narrator", "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": " "}, "content"),
        ({"role": "user", "content": 5}, "content"),
        ({"role": "user", "content": "x", "parent_message_id": 0}, "parent_message_id"),
    ],
)
def test_a_message_that_makes_no_sense_is_refused(
    alice: User, session: str, body: dict[str, object], field: str
) -> None:
    answer = alice.post(f"/sessions/{session}/messages/", json=body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert messages(alice, session) == []


def test_nobody_adds_to_or_reads_what_is_of_others(alice: User, bob: User, session: str) -> None:
    foreign_session = new_session(bob)
    foreign = add(bob, foreign_session, "밥의 말")
    body = {"role": "user", "content": "x"}
    for wrong in (foreign, 2**40):
        with_parent = {**body, "parent_message_id": wrong}
        assert alice.post(f"/sessions/{session}/messages/", json=with_parent).status_code == 404
        assert alice.get(f"/messages/{wrong}").status_code == 404
        assert alice.get(f"/messages/{wrong}/history").status_code == 404
        before = alice.get(f"/sessions/{session}/messages/", params={"before": wrong})
        assert before.status_code == 404
        fork = alice.post(f"/sessions/{session}/fork", json={"message_id": wrong})
        assert fork.status_code == 404
    assert alice.post(f"/sessions/{foreign_session}/messages/", json=body).status_code == 404
    assert alice.get(f"/sessions/{foreign_session}/tree").status_code == 404
    fork = alice.post(f"/sessions/{foreign_session}/fork", json={"message_id": foreign})
    assert fork.status_code == 404
    assert messages(alice, session) == []
    assert ids(bob, f"/sessions/{foreign_session}/messages/") == [foreign]


def test_a_long_path_is_read_from_either_end(alice: User, session: str) -> None:
    path = [add(alice, session, f"말 {number}") for number in range(12)]
    branch = add(alice, session, "가지", parent=path[3])
    alice.patch(f"/sessions/{session}", json={"active_message_id": path[-1]})
    address = f"/sessions/{session}/messages/"
    assert ids(alice, address) == ids(alice, address, **{"from": "end"}) == path
    assert ids(alice, address, limit=3) == path[:3]
    assert ids(alice, address, limit=3, **{"from": "end"}) == path[-3:]
    assert ids(alice, address, limit=3, skip=3, **{"from": "end"}) == path[-6:-3]
    assert ids(alice, address, limit=5, skip=10, **{"from": "end"}) == path[:2]
    assert ids(alice, address, skip=12, **{"from": "end"}) == []
    assert ids(alice, address, before=path[6], limit=4) == path[2:6]
    assert ids(alice, address, before=path[0]) == []
    assert ids(alice, address, before=branch, limit=2) == path[2:4]
    assert ids(alice, address, all=True, limit=2, **{"from": "end"}) == [path[-1], branch]
    assert ids(alice, f"/messages/{branch}/history", limit=2, **{"from": "end"}) == [
        *(path[3], branch)
    ]


@pytest.mark.parametrize(
    "query", ["from=middle", "before=x", "before=-1", "all=maybe", "all=1&before=1", "siblings=x"]
)
def test_a_list_of_messages_that_makes_no_sense_is_refused(
    alice: User, session: str, query: str
) -> None:
    add(alice, session, "하나")
    answer = alice.get(f"/sessions/{session}/messages/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_messages_tell_their_place_in_the_tree(alice: User, session: str) -> None:
    root = add(alice, session, "하나")
    other_root = add(alice, session, "다른 시작")
    alice.patch(f"/sessions/{session}", json={"active_message_id": None})
    third_root = add(alice, session, "세 번째 시작")
    child, second = add(alice, session, "가", parent=root), add(alice, session, "나", parent=root)
    address = f"/sessions/{session}/messages/"
    placed = {m["id"]: m for m in alice.get(address, params={"all": 1, "siblings": 1}).json()}
    assert set(placed[root]) == {*FIELDS, "sibling_ids", "sibling_count"}
    assert placed[root]["sibling_ids"] == placed[third_root]["sibling_ids"] == [root, third_root]
    assert placed[second]["sibling_ids"] == [other_root, child, second]
    opened = alice.get(address, params={"siblings": "true", "from": "end", "limit": 1}).json()
    assert [m["sibling_ids"] for m in opened] == [[other_root, child, second]]
    assert alice.get(f"/messages/{root}?siblings=1").json()["sibling_ids"] == [root, third_root]


def test_roots_of_other_sessions_are_no_siblings(alice: User, session: str) -> None:
    add(alice, new_session(alice), "저쪽")
    root = add(alice, session, "이쪽")
    assert alice.get(f"/messages/{root}?siblings=1").json()["sibling_ids"] == [root]


def test_the_tree_shows_every_branch(alice: User, session: str, stage: Stage) -> None:
    assert alice.get(f"/sessions/{session}/tree").json()["messages"] == []
    root = add(alice, session, "가" * 500)
    said = say(alice, session, "둘")
    other = add(alice, session, "다른 둘", parent=root)
    tree = alice.get(f"/sessions/{session}/tree/").json()
    assert (tree["session_id"], tree["root_ids"]) == (session, [root])
    assert tree["active_message_id"] == other
    nodes = {node["id"]: node for node in tree["messages"]}
    assert len(nodes) == 4
    assert nodes[root]["preview"] == "가" * 200
    assert nodes[root]["child_ids"] == [said["user_message"]["id"], other]
    assert nodes[said["assistant_message"]["id"]]["model_used"] == "m"
    assert nodes[other] | {"created_at": ""} == {
        "id": other,
        "parent_message_id": root,
        "role": "user",
        "preview": "다른 둘",
        "status": "complete",
        "provider": None,
        "model_used": None,
        "created_at": "",
        "child_ids": [],
    }


def test_what_is_being_written_is_shown_so_far(alice: User, session: str, stage: Stage) -> None:
    stage.next(Script(reasoning=["생각"], pieces=["여기", "까지", *["…"] * 200], delay=0.02))
    begun = generate(alice, session)
    eventually(lambda: messages(alice, session)[-1]["content"])
    (listed,) = messages(alice, session, skip=1)
    opened = alice.get(f"/messages/{begun['assistant_message_id']}").json()
    for shown in (listed, opened):
        assert shown["content"].startswith("여기")
        assert (shown["status"], shown["reasoning"]) == ("streaming", "생각")
    alice.post(f"/generations/{begun['id']}/stop")


def test_a_fork_is_a_copy_of_the_path(alice: User, stage: Stage) -> None:
    session_id = new_session(
        alice,
        alias="원본",
        system_prompt="p",
        tags=["t"],
        metadata={"a": 1},
        memory_mode="EXPLICIT",
    )
    first = say(alice, session_id, "하나")
    second = say(alice, session_id, "둘")
    branch = say(alice, session_id, "다른 둘", parent_message_id=first["assistant_message"]["id"])
    fork_at = second["user_message"]["id"]
    answer = alice.post(f"/sessions/{session_id}/fork", json={"message_id": fork_at})
    copy = answer.json()
    assert answer.status_code == 201
    original = alice.get(f"/sessions/{session_id}").json()
    for name in ("alias", "system_prompt", "tags", "metadata", "memory_mode", "user_id"):
        assert copy[name] == original[name]
    assert copy["id"] != session_id
    copied = messages(alice, copy["id"], all=True)
    path = alice.get(f"/messages/{fork_at}/history").json()
    own = {"id", "session_id", "parent_message_id"}
    assert [{k: v for k, v in m.items() if k not in own} for m in copied] == [
        {k: v for k, v in m.items() if k not in own} for m in path
    ]
    assert [m["parent_message_id"] for m in copied] == [None, copied[0]["id"], copied[1]["id"]]
    assert copy["active_message_id"] == copied[-1]["id"]
    assert original["active_message_id"] == branch["assistant_message"]["id"]
    found = alice.get("/search", params={"q": "하나", "session_id": copy["id"]}).json()
    assert {hit["message_id"] for hit in found} == {copied[0]["id"], copied[1]["id"]}


def test_a_fork_goes_its_own_way(alice: User, session: str, stage: Stage) -> None:
    said = say(alice, session, "하나")
    at = {"message_id": said["assistant_message"]["id"]}
    copy = alice.post(f"/sessions/{session}/fork/", json=at).json()["id"]
    say(alice, copy, "여기서만")
    assert len(messages(alice, session, all=True)) == 2
    assert alice.delete(f"/sessions/{session}").status_code == 204
    assert [m["content"] for m in messages(alice, copy)] == ["하나", "하나", "여기서만", "여기서만"]


def test_what_is_being_written_cannot_be_forked(alice: User, session: str, stage: Stage) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    at = {"message_id": begun["assistant_message_id"]}
    answer = alice.post(f"/sessions/{session}/fork", json=at)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    question = {"message_id": begun["user_message_id"]}
    assert alice.post(f"/sessions/{session}/fork", json=question).status_code == 201
    alice.post(f"/generations/{begun['id']}/stop")


def test_the_summary_counts_messages_tokens_and_cost(
    alice: User, session: str, stage: Stage
) -> None:
    empty = alice.get(f"/sessions/{session}/summary").json()
    assert (empty["message_count"], empty["total_tokens"], empty["models"]) == (0, 0, [])
    assert empty["cost"] == "0.000000000"
    assert empty["first_message_at"] is None
    say(alice, session, "하나")
    last = say(alice, session, "둘", model="other")["assistant_message"]
    summary = alice.get(f"/sessions/{session}/summary/").json()
    assert (summary["message_count"], summary["user_message_count"]) == (4, 2)
    assert (summary["prompt_tokens"], summary["completion_tokens"]) == (22, 14)
    assert summary["total_tokens"] == 36
    assert (summary["calls"], summary["unpriced_calls"]) == (2, 0)
    assert summary["models"] == ["local/m", "local/other"]
    assert summary["last_message_at"] == last["created_at"]
