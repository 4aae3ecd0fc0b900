"""Sharing through the API: with whom, for how long, and how the rows are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import SecurityEvent
from accounts.models import User as Account
from knowledge.models import Document, KnowledgeBase, KnowledgeBaseShare
from tests.accounts.test_groups import PASSWORD, add, new_group
from tests.conftest import User
from tests.knowledge.test_knowledge_bases import add as add_document
from tests.knowledge.test_knowledge_bases import new_base, search, work

NewUser = Callable[..., User]


@pytest.fixture
def base(alice: User) -> str:
    """A base of alice's, searched by keywords."""
    return new_base(alice, embedding_model="")


def shares(owner: User, base: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = owner.get(f"/shares/knowledge-bases/{base}/").json()
    return told


def share(owner: User, base: str, **body: Any) -> list[dict[str, Any]]:
    answer = owner.put(f"/shares/knowledge-bases/{base}/", json=body)
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()
    return told


def test_a_share_says_with_whom_and_what_they_may_do(
    alice: User, new_user: NewUser, base: str
) -> None:
    new_user(username="さくら", password=PASSWORD, email="sakura@example.org")
    group = new_group(alice, "번역팀")
    assert shares(alice, base) == []
    share(alice, base, username="さくら", access="write")
    share(alice, base, group_id=group)
    told = share(alice, base, everyone=True)
    assert [(s["username"], s["group_name"], s["everyone"], s["access"]) for s in told] == [
        ("さくら", None, False, "write"),
        (None, "번역팀", False, "read"),
        (None, None, True, "read"),
    ]
    [first, *_others] = share(alice, base, email="SAKURA@example.org", access="read")
    assert (first["username"], first["access"], first["link"]) == ("さくら", "read", False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "user_id"),
        ({"everyone": False}, "user_id"),
        ({"everyone": True, "group_id": str(uuid4())}, "user_id"),
        ({"user_id": str(uuid4())}, "user_id"),
        ({"group_id": str(uuid4())}, "group_id"),
        ({"username": "nobody"}, "username"),
        ({"everyone": True, "access": "own"}, "access"),
        ({"everyone": True, "message_id": 1}, "message_id"),
    ],
)
def test_a_share_with_nobody_is_refused_by_the_field(
    alice: User, base: str, body: dict[str, Any], field: str
) -> None:
    answer = alice.put(f"/shares/knowledge-bases/{base}/", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {field}
    assert shares(alice, base) == []


def test_one_shares_with_ones_own_groups_and_not_with_oneself(
    alice: User, bob: User, base: str
) -> None:
    group = new_group(bob)
    path = f"/shares/knowledge-bases/{base}/"
    strange = alice.put(path, json={"group_id": group})
    assert strange.json()["errors"].keys() == {"group_id"}
    own = alice.put(path, json={"user_id": alice.user_id})
    assert own.json()["errors"].keys() == {"user_id"}


def test_what_nobody_knows_cannot_be_shared(alice: User, base: str) -> None:
    unknown = alice.get(f"/shares/sandwiches/{base}/")
    assert unknown.status_code == 404
    assert "knowledge-bases" in unknown.json()["detail"]
    assert alice.get(f"/shares/sessions/{base}/").status_code == 404
    assert alice.post(f"/shares/knowledge-bases/{base}/link").status_code == 404


def test_a_reader_finds_passages_and_a_writer_adds_them(
    alice: User, bob: User, new_user: NewUser, base: str
) -> None:
    carol = new_user()
    add_document(alice, base, "휴가.md", "연차 휴가는 일 년에 십오 일입니다.")
    share(alice, base, user_id=bob.user_id)
    share(alice, base, user_id=carol.user_id, access="write")
    refused = bob.post(f"/knowledge-bases/{base}/documents/", json={"name": "a", "text": "b"})
    assert refused.status_code == 403
    assert "only to be read" in refused.json()["detail"]
    add_document(carol, base, "熊猫.md", "大熊猫每天要吃十几公斤的竹子。")
    work()
    assert [found["document_name"] for found in search(bob, base, "竹子")] == ["熊猫.md"]
    assert [found["document_name"] for found in search(carol, base, "연차")] == ["휴가.md"]
    assert bob.get(f"/knowledge-bases/{base}").json()["my_access"] == "read"
    assert carol.get(f"/knowledge-bases/{base}").json()["my_access"] == "write"
    assert bob.get(f"/knowledge-bases/{base}").json()["document_count"] == 2


def test_a_reader_uploads_nothing_by_another_format_either(
    alice: User, bob: User, new_user: NewUser, base: str
) -> None:
    share(alice, base, user_id=bob.user_id)
    for who, status in ((bob, 403), (new_user(), 404)):
        answer = who.post(
            "/api/rag/doc/upload", data={"kb_id": base}, files={"file": ("a.txt", b"a")}
        )
        assert answer.status_code == status, answer.text
    assert not Document.objects.exists()


def test_the_better_of_two_shares_counts(alice: User, bob: User, base: str) -> None:
    group = new_group(alice)
    add(alice, group, bob)
    share(alice, base, everyone=True)
    share(alice, base, user_id=bob.user_id)
    share(alice, base, group_id=group, access="write")
    [listed] = bob.get("/knowledge-bases/").json()
    assert listed["my_access"] == "write"
    add_document(bob, base, "a.md", "b")


def test_whom_something_is_shared_with_takes_themselves_out(
    alice: User, bob: User, new_user: NewUser, base: str
) -> None:
    carol = new_user()
    share(alice, base, user_id=bob.user_id)
    share(alice, base, user_id=carol.user_id)
    path = f"/shares/knowledge-bases/{base}/"
    assert bob.delete(path, params={"user_id": carol.user_id}).status_code == 403
    assert bob.delete(path).status_code == 403
    assert bob.delete(path, params={"user_id": bob.user_id}).status_code == 204
    assert bob.get(f"/knowledge-bases/{base}").status_code == 404
    assert [told["user_id"] for told in shares(alice, base)] == [carol.user_id]


def test_a_misspelt_end_of_one_share_does_not_end_all(alice: User, bob: User, base: str) -> None:
    share(alice, base, user_id=bob.user_id)
    path = f"/shares/knowledge-bases/{base}/"
    for parameters in ({"user": bob.user_id}, {"everyone": "false"}, {"user_id": "bob"}):
        assert alice.delete(path, params=parameters).status_code == 400
    both = {"user_id": bob.user_id, "everyone": "true"}
    assert alice.delete(path, params=both).status_code == 400
    assert alice.delete(path, params={"everyone": "true"}).status_code == 404
    assert len(shares(alice, base)) == 1


def test_a_deleted_group_or_account_or_base_takes_its_shares_along(
    alice: User, bob: User, base: str
) -> None:
    group = new_group(alice)
    share(alice, base, group_id=group)
    share(alice, base, user_id=bob.user_id)
    alice.delete(f"/groups/{group}").raise_for_status()
    assert [told["user_id"] for told in shares(alice, base)] == [bob.user_id]
    bob.delete("/users/me").raise_for_status()
    assert shares(alice, base) == []
    share(alice, base, everyone=True)
    alice.delete(f"/knowledge-bases/{base}").raise_for_status()
    assert not KnowledgeBaseShare.objects.exists()


def test_a_thing_has_no_more_shares_than_it_may(alice: User, base: str, settings: Any) -> None:
    people = Account.objects.bulk_create(Account() for _ in range(settings.MAX_SHARES))
    KnowledgeBaseShare.objects.bulk_create(
        KnowledgeBaseShare(thing_id=base, user=person) for person in people
    )
    path = f"/shares/knowledge-bases/{base}/"
    refused = alice.put(path, json={"everyone": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    changed = alice.put(path, json={"user_id": str(people[0].pk), "access": "write"})
    assert changed.status_code == 200


def test_sharing_stands_in_the_security_log(alice: User, bob: User, base: str) -> None:
    share(alice, base, user_id=bob.user_id, access="write")
    alice.delete(f"/shares/knowledge-bases/{base}/").raise_for_status()
    shared, ended = SecurityEvent.objects.filter(event__startswith="share_").order_by("pk")
    assert shared.details == {
        "kind": "knowledge-bases",
        "id": base,
        "with_user": bob.user_id,
        "access": "write",
    }
    assert (ended.event, ended.details["with_anybody"]) == ("share_ended", True)


def test_who_may_see_what_is_found_by_indexes_alone(alice: User, bob: User, base: str) -> None:
    group = new_group(alice)
    add(alice, group, bob)
    share(alice, base, group_id=group, access="write")
    owners = Account.objects.bulk_create(Account() for _ in range(100))
    made = KnowledgeBase.objects.bulk_create(
        KnowledgeBase(user=owners[number % 100], name=str(number)) for number in range(20_000)
    )
    KnowledgeBaseShare.objects.bulk_create(
        KnowledgeBaseShare(thing=row, user=owners[number % 97]) for number, row in enumerate(made)
    )
    Document.objects.bulk_create(
        Document(base=row, name="a", file="a", size=1, content_hash="a") for row in made
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE knowledge_knowledgebase, knowledge_knowledgebaseshare")
        cursor.execute("ANALYZE knowledge_document")
    reader = Account.objects.get(pk=bob.user_id)
    queries = (
        KnowledgeBase.objects.visible_to(reader),
        KnowledgeBase.objects.changeable_by(reader),
        KnowledgeBase.objects.visible_to(reader).filter(pk=base),
        KnowledgeBase.objects.visible_to(reader).with_access(reader),
        Document.objects.visible_to(reader),
        Document.objects.changeable_by(reader),
    )
    for query in queries:
        plan = query.explain()
        for table in ("knowledgebase", "knowledgebaseshare", "document"):
            assert f"Seq Scan on knowledge_{table} " not in plan, plan
    assert [str(found.pk) for found in queries[0]] == [base]
