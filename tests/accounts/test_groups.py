"""Groups through the API: who makes them, who is in them, and that each keeps an owner."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from accounts.group_models import Group, Invitation, Membership
from accounts.models import SecurityEvent
from tests.admin_browser import AdminBrowser
from tests.conftest import User
from tests.rini_server import RiniServer

NewUser = Callable[..., User]
PASSWORD = "비밀번호 七色の虹 9"


@pytest.fixture
def carol(new_user: NewUser) -> User:
    return new_user()


def new_group(owner: User, name: str = "연구팀") -> str:
    answer = owner.post("/groups/", json={"name": name})
    assert answer.status_code == 201, answer.text
    group_id: str = answer.json()["id"]
    return group_id


def add(by: User, group: str, who: User, role: str = "member") -> None:
    answer = by.post(f"/groups/{group}/members/", json={"user_id": who.user_id, "role": role})
    assert answer.status_code == 201, answer.text


def roles(by: User, group: str) -> dict[str, str]:
    shown: list[dict[str, Any]] = by.get(f"/groups/{group}/members/").raise_for_status().json()
    return {member["user_id"]: member["role"] for member in shown}


def test_who_makes_a_group_owns_it(alice: User) -> None:
    made = alice.post("/groups/", json={"name": "研究チーム", "description": "東京の研究者"})
    assert made.status_code == 201
    group = made.json()
    assert group.keys() == {
        *("id", "name", "description", "my_role", "member_count", "created_at"),
    }
    assert (group["name"], group["description"]) == ("研究チーム", "東京の研究者")
    assert (group["my_role"], group["member_count"]) == ("owner", 1)
    assert alice.get(f"/groups/{group['id']}").json() == group
    assert alice.get("/groups").json() == [group]


def test_groups_come_newest_first_in_pages(alice: User) -> None:
    made = [new_group(alice, f"팀 {number}") for number in range(4)]
    shown = alice.get("/groups/", params={"skip": 1, "limit": 2}).json()
    assert [group["id"] for group in shown] == [made[2], made[1]]


def test_a_group_does_not_exist_for_who_is_not_in_it(alice: User, bob: User, olga: User) -> None:
    group = new_group(alice)
    for stranger in (bob, olga):
        assert stranger.get("/groups/").json() == []
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "내 것"}),
            ("DELETE", "", None),
            ("GET", "/members/", None),
            ("POST", "/members/", {"user_id": stranger.user_id}),
            ("PATCH", f"/members/{alice.user_id}", {"role": "member"}),
            ("DELETE", f"/members/{alice.user_id}", None),
            ("DELETE", f"/members/{stranger.user_id}", None),
            ("GET", "/invitations/", None),
            ("POST", "/invitations/", {"user_id": stranger.user_id}),
            ("DELETE", f"/invitations/{uuid4()}", None),
        ):
            answer = stranger.request(method, f"/groups/{group}{path}", json=body)
            assert answer.status_code == 404, (method, path, answer.text)
    assert roles(alice, group) == {alice.user_id: "owner"}


def test_members_are_named_by_id_name_or_address(alice: User, new_user: NewUser) -> None:
    group = new_group(alice)
    minjun = new_user(username="김민준", password=PASSWORD, email="Minjun@example.org")
    for number, who in enumerate(
        ({"user_id": minjun.user_id}, {"username": "김민준"}, {"email": "minjun@EXAMPLE.org"})
    ):
        added = alice.post(f"/groups/{group}/members/", json=who)
        assert added.status_code == 201, (number, added.text)
        assert added.json()["user_id"] == minjun.user_id
        assert added.json()["username"] == "김민준"
        assert added.json()["role"] == "member"
        again = alice.post(f"/groups/{group}/members/", json=who)
        assert again.status_code == 409
        assert alice.delete(f"/groups/{group}/members/{minjun.user_id}").status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "user_id"),
        ({"user_id": str(uuid4()), "username": "ana"}, "user_id"),
        ({"user_id": str(uuid4())}, "user_id"),
        ({"username": "nobody"}, "username"),
        ({"email": "nobody@example.org"}, "email"),
        ({"username": "ana", "role": "emperor"}, "role"),
    ],
)
def test_a_member_who_is_nobody_is_refused_by_the_field(
    alice: User, body: dict[str, Any], field: str
) -> None:
    group = new_group(alice)
    answer = alice.post(f"/groups/{group}/members/", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {field}


def test_a_member_looks_and_leaves_and_does_nothing_else(
    alice: User, bob: User, carol: User
) -> None:
    group = new_group(alice)
    add(alice, group, bob)
    assert bob.get(f"/groups/{group}").json()["my_role"] == "member"
    assert roles(bob, group) == {alice.user_id: "owner", bob.user_id: "member"}
    for method, path, body in (
        ("PATCH", "", {"name": "내 것"}),
        ("DELETE", "", None),
        ("POST", "/members/", {"user_id": carol.user_id}),
        ("PATCH", f"/members/{bob.user_id}", {"role": "owner"}),
        ("DELETE", f"/members/{alice.user_id}", None),
        ("GET", "/invitations/", None),
        ("POST", "/invitations/", {"user_id": carol.user_id}),
        ("DELETE", f"/invitations/{uuid4()}", None),
    ):
        answer = bob.request(method, f"/groups/{group}{path}", json=body)
        assert answer.status_code == 403, (method, path, answer.text)
    assert bob.delete(f"/groups/{group}/members/{bob.user_id}").status_code == 204
    assert bob.get(f"/groups/{group}").status_code == 404
    assert roles(alice, group) == {alice.user_id: "owner"}


def test_a_manager_decides_about_members_but_not_about_owners_and_managers(
    alice: User, bob: User, carol: User
) -> None:
    group = new_group(alice)
    add(alice, group, bob, "manager")
    assert bob.patch(f"/groups/{group}", json={"description": "새 설명"}).status_code == 200
    add(bob, group, carol)
    refused = [
        bob.patch(f"/groups/{group}/members/{carol.user_id}", json={"role": "manager"}),
        bob.patch(f"/groups/{group}/members/{bob.user_id}", json={"role": "owner"}),
        bob.patch(f"/groups/{group}/members/{alice.user_id}", json={"role": "member"}),
        bob.delete(f"/groups/{group}/members/{alice.user_id}"),
        bob.post(f"/groups/{group}/invitations/", json={"username": "ana", "role": "owner"}),
        bob.delete(f"/groups/{group}"),
    ]
    # Whoever is to be invited is looked for before the role is judged.
    assert [answer.status_code for answer in refused] == [403, 403, 403, 403, 400, 403]
    assert bob.delete(f"/groups/{group}/members/{carol.user_id}").status_code == 204
    assert roles(alice, group) == {alice.user_id: "owner", bob.user_id: "manager"}


def test_the_last_owner_goes_only_with_a_successor(alice: User, bob: User) -> None:
    group = new_group(alice, "营销组")
    add(alice, group, bob)
    for answer in (
        alice.delete(f"/groups/{group}/members/{alice.user_id}"),
        alice.patch(f"/groups/{group}/members/{alice.user_id}", json={"role": "manager"}),
        alice.delete("/users/me"),
    ):
        assert answer.status_code == 409
        assert answer.json()["code"] == "last_owner"
        assert "营销组" in answer.json()["detail"]
    promoted = alice.patch(f"/groups/{group}/members/{bob.user_id}", json={"role": "owner"})
    assert promoted.json()["role"] == "owner"
    assert alice.delete(f"/groups/{group}/members/{alice.user_id}").status_code == 204
    assert roles(bob, group) == {bob.user_id: "owner"}


def test_of_two_owners_who_leave_at_once_one_stays(alice: User, bob: User) -> None:
    for _attempt in range(5):
        group = new_group(alice)
        add(alice, group, bob, "owner")
        start = Barrier(2)

        def leave(user: User, group: str = group, start: Barrier = start) -> int:
            start.wait()
            return user.delete(f"/groups/{group}/members/{user.user_id}").status_code

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(leave, (alice, bob))) == [204, 409]
        assert Membership.objects.filter(group_id=group, role="owner").count() == 1


def test_an_account_goes_with_the_groups_that_nobody_else_is_in(alice: User, bob: User) -> None:
    alone, shared = new_group(alice), new_group(bob)
    add(bob, shared, alice)
    assert alice.delete("/users/me").status_code == 204
    assert not Group.objects.filter(id=alone).exists()
    assert roles(bob, shared) == {bob.user_id: "owner"}


def test_a_group_of_an_account_that_an_operator_deletes_passes_to_the_next(
    server: RiniServer, alice: User, bob: User, carol: User, olga: User
) -> None:
    group = new_group(alice)
    add(alice, group, bob)
    add(alice, group, carol, "manager")
    with closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as browser:
        browser.submit(f"accounts/user/{alice.user_id}/delete/", {"post": "yes"})
    assert roles(bob, group) == {bob.user_id: "member", carol.user_id: "owner"}


def test_a_limited_token_changes_no_group(alice: User, bob: User) -> None:
    group = new_group(alice)
    token = alice.post("/tokens/", json={"name": "작은", "allowed_models": ["demo/*"]}).json()
    limited = {"Authorization": f"Bearer {token['token']}"}
    assert alice.get(f"/groups/{group}", headers=limited).status_code == 200
    for method, path, body in (
        ("POST", "/groups/", {"name": "새 팀"}),
        ("DELETE", f"/groups/{group}", None),
        ("POST", f"/groups/{group}/members/", {"user_id": bob.user_id}),
        ("POST", f"/groups/{group}/invitations/", {"user_id": bob.user_id}),
    ):
        answer = alice.request(method, path, json=body, headers=limited)
        assert answer.status_code == 403
        assert "groups or shares" in answer.json()["detail"]


def test_what_happens_to_a_group_stands_in_the_security_log(alice: User, bob: User) -> None:
    group = new_group(alice)
    add(alice, group, bob)
    alice.patch(f"/groups/{group}/members/{bob.user_id}", json={"role": "manager"})
    alice.delete(f"/groups/{group}/members/{bob.user_id}")
    alice.delete(f"/groups/{group}")
    told = SecurityEvent.objects.filter(details__group=group).order_by("pk")
    assert [(e.event, str(e.user_id), str(e.actor_id)) for e in told] == [
        ("group_member_added", alice.user_id, alice.user_id),
        ("group_created", alice.user_id, alice.user_id),
        ("group_member_added", bob.user_id, alice.user_id),
        ("group_member_updated", bob.user_id, alice.user_id),
        ("group_member_removed", bob.user_id, alice.user_id),
        ("group_deleted", alice.user_id, alice.user_id),
    ]


def test_a_group_takes_no_more_members_than_it_may(alice: User, bob: User, settings: Any) -> None:
    group = new_group(alice)
    made = [
        Invitation(group_id=group, email=f"{n}@example.org", digest=bytes([n // 256, n % 256]))
        for n in range(settings.MAX_GROUP_MEMBERS - 1)
    ]
    for invitation in made:
        invitation.expires_at = datetime(2099, 1, 1, tzinfo=UTC)
    Invitation.objects.bulk_create(made)
    answer = alice.post(f"/groups/{group}/members/", json={"user_id": bob.user_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "limit_reached")
    Invitation.objects.filter(group_id=group).delete()
    add(alice, group, bob)


def test_errors_of_groups_speak_the_callers_language(alice: User) -> None:
    group = new_group(alice)
    korean = alice.delete(
        f"/groups/{group}/members/{alice.user_id}", headers={"Accept-Language": "ko"}
    )
    assert "소유자" in korean.json()["detail"]


def test_an_operator_changes_groups_but_leaves_each_an_owner(
    server: RiniServer, alice: User, bob: User, olga: User
) -> None:
    group = new_group(alice)
    member = Membership.objects.get(group_id=group, user_id=alice.user_id)
    page = f"accounts/group/{group}/change/"
    form = {
        "name": "새 이름",
        "description": "",
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(member.pk),
        "memberships-0-group": group,
        "memberships-0-user": alice.user_id,
        "memberships-0-role": "member",
        "memberships-1-id": "",
        "memberships-1-group": group,
        "memberships-1-user": bob.user_id,
        "memberships-1-role": "member",
    }
    with closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as browser:
        assert "A group needs an owner." in browser.submit(page, form).text
        assert roles(alice, group) == {alice.user_id: "owner"}
        browser.submit(page, form | {"memberships-1-role": "owner"})
    assert roles(alice, group) == {alice.user_id: "member", bob.user_id: "owner"}
    assert alice.get(f"/groups/{group}").json()["name"] == "새 이름"
