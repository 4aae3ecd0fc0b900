"""Invitations to groups: the link, and that it works for the invited person alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts import invitations
from accounts.group_models import Invitation
from accounts.models import SecurityEvent
from tests.accounts.test_groups import PASSWORD, add, new_group, roles
from tests.conftest import User

NewUser = Callable[..., User]


def invite(by: User, group: str, **who: str) -> dict[str, Any]:
    answer = by.post(f"/groups/{group}/invitations/", json=who)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_an_invited_account_joins_by_the_link_in_the_role_that_it_names(
    alice: User, new_user: NewUser
) -> None:
    group = new_group(alice, "翻訳チーム")
    sakura = new_user(username="さくら", password=PASSWORD)
    told = invite(alice, group, username="さくら", role="manager")
    assert told["link"].endswith(f"/invitations/{told['token']}")
    shown = sakura.get(told["link"])
    assert shown.status_code == 200
    assert (shown.json()["group_name"], shown.json()["role"]) == ("翻訳チーム", "manager")
    assert "token" not in shown.json()
    joined = sakura.post(f"/invitations/{told['token']}/accept")
    assert joined.status_code == 200, joined.text
    assert (joined.json()["id"], joined.json()["my_role"]) == (group, "manager")
    assert sakura.post(f"/invitations/{told['token']}/accept").status_code == 404


def test_a_link_works_for_nobody_but_the_invited(alice: User, bob: User, olga: User) -> None:
    group = new_group(alice)
    told = invite(alice, group, user_id=bob.user_id)
    for other in (alice, olga):
        for answer in (
            other.get(f"/invitations/{told['token']}"),
            other.post(f"/invitations/{told['token']}/accept"),
            other.delete(f"/invitations/{told['token']}"),
        ):
            assert answer.status_code == 404
    assert roles(alice, group).keys() == {alice.user_id}
    assert bob.post(f"/invitations/{told['token']}/accept").status_code == 200


def test_an_address_needs_both_the_link_and_the_account(alice: User, new_user: NewUser) -> None:
    group = new_group(alice)
    told = invite(alice, group, email="Wang@example.org")
    wang = new_user(username="王小明", password=PASSWORD)
    assert wang.post(f"/invitations/{told['token']}/accept").status_code == 404
    body = {"email": "wang@example.org", "current_password": PASSWORD}
    assert wang.patch("/users/me", json=body).status_code == 200
    assert wang.get("/invitations/").json() == []  # nobody has seen that the address is theirs
    shown = wang.get(f"/invitations/{told['token']}").json()
    assert (shown["group_id"], shown["email"]) == (group, "Wang@example.org")
    assert wang.post(f"/invitations/{told['token']}/accept").status_code == 200


def test_an_invitation_that_has_expired_was_taken_back_or_declined_is_gone(
    alice: User, bob: User
) -> None:
    group = new_group(alice)
    expired = invite(alice, group, user_id=bob.user_id)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bob.post(f"/invitations/{expired['token']}/accept").status_code == 404
    assert bob.get("/invitations/").json() == []
    assert alice.get(f"/groups/{group}/invitations/").json() == []
    assert invitations.forget() == 1
    taken = invite(alice, group, user_id=bob.user_id)
    assert alice.delete(f"/groups/{group}/invitations/{taken['id']}").status_code == 204
    assert bob.post(f"/invitations/{taken['token']}/accept").status_code == 404
    declined = invite(alice, group, user_id=bob.user_id)
    assert bob.delete(f"/invitations/{declined['token']}").status_code == 204
    assert bob.post(f"/invitations/{declined['token']}/accept").status_code == 404
    assert roles(alice, group).keys() == {alice.user_id}


def test_a_new_link_replaces_an_older_one_of_the_same_person(alice: User, bob: User) -> None:
    group = new_group(alice)
    first = invite(alice, group, user_id=bob.user_id)
    second = invite(alice, group, user_id=bob.user_id, role="manager")
    [listed] = alice.get(f"/groups/{group}/invitations/").json()
    assert listed["id"] == second["id"]
    assert bob.get(f"/invitations/{first['token']}").status_code == 404
    assert bob.get(f"/invitations/{second['token']}").status_code == 200


def test_who_is_in_a_group_is_not_invited_to_it(alice: User, bob: User) -> None:
    group = new_group(alice)
    told = invite(alice, group, user_id=bob.user_id)
    add(alice, group, bob)
    assert bob.get(f"/invitations/{told['token']}").status_code == 404
    again = alice.post(f"/groups/{group}/invitations/", json={"user_id": bob.user_id})
    assert again.status_code == 409


def test_a_manager_invites_members_and_no_others(alice: User, bob: User, new_user: NewUser) -> None:
    group = new_group(alice)
    add(alice, group, bob, "manager")
    carol = new_user()
    path = f"/groups/{group}/invitations/"
    refused = bob.post(path, json={"user_id": carol.user_id, "role": "owner"})
    assert refused.status_code == 403
    of_owner = invite(alice, group, user_id=carol.user_id, role="owner")
    assert bob.delete(f"{path}{of_owner['id']}").status_code == 403
    assert bob.delete(f"{path}{uuid4()}").status_code == 404
    own = invite(bob, group, email="x@example.org")
    assert bob.delete(f"{path}{own['id']}").status_code == 204


def test_the_secret_is_kept_nowhere_and_no_retry_repeats_it(alice: User, bob: User) -> None:
    group = new_group(alice)
    told = invite(alice, group, user_id=bob.user_id)
    row = Invitation.objects.get(pk=told["id"])
    assert told["token"].encode() not in bytes(row.digest)
    events = SecurityEvent.objects.filter(event="group_invitation_created")
    assert [str(event.user_id) for event in events] == [bob.user_id]
    assert told["token"] not in str([event.details for event in events])


@pytest.mark.parametrize("token", ["short", "x" * 44, "%EA%B0%80" * 5])
def test_what_cannot_be_a_link_is_no_address(alice: User, token: str) -> None:
    assert alice.get(f"/invitations/{token}").status_code == 404
