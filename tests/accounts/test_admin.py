from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from django.contrib.auth.models import Group, Permission

from accounts.models import ApiToken, RefreshToken, SecurityEvent, User
from tests.admin_browser import hidden_fields
from tests.conftest import User as Client
from tests.rini_server import RiniServer

PASSWORD = "비밀번호 七色の虹 9"


class Browser(httpx.Client):
    def send_form(self, address: str, **fields: str | list[str]) -> httpx.Response:
        """Open a page and send its form."""
        page = self.get(address)
        assert page.status_code == 200, page.text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert found is not None
        return self.post(page.url, data={"csrfmiddlewaretoken": found[1], **fields})


@pytest.fixture
def browser(server: RiniServer, olga: Client) -> Iterator[Browser]:
    """Olga's browser, logged in to the admin."""
    with Browser(base_url=server.url, follow_redirects=True, timeout=30) as browser:
        login = browser.send_form("/admin/", username="olga", password="올가의 긴 암호 2468")
        assert login.url.path == "/admin/"
        yield browser


def test_users_stay_out_of_the_admin(client: httpx.Client, alice: Client) -> None:
    assert client.get("/admin/").status_code == 302
    assert alice.get("/admin/accounts/user/").status_code == 302


def test_an_operators_password_cannot_be_guessed_without_end(
    server: RiniServer, olga: Client
) -> None:
    with Browser(base_url=server.url, follow_redirects=True, timeout=30) as browser:
        for number in range(10):
            answer = browser.send_form("/admin/", username="olga", password=f"guess {number}")
            assert "Too many" not in answer.text
        answer = browser.send_form("/admin/", username="olga", password="올가의 긴 암호 2468")
        assert "Too many wrong passwords" in answer.text
        assert answer.url.path == "/admin/login/"


def test_an_operator_makes_an_account(browser: Browser, client: httpx.Client) -> None:
    browser.send_form(
        "/admin/accounts/user/add/",
        username="김민준",
        usable_password="true",
        password1=PASSWORD,
        password2=PASSWORD,
    )
    body = {"username": "김민준", "password": PASSWORD}
    assert client.post("/auth/token", json=body).status_code == 200


def test_an_operator_changes_an_account_without_a_name(browser: Browser, alice: Client) -> None:
    page = browser.send_form(
        f"/admin/accounts/user/{alice.user_id}/change/", email="a@example.org", is_active="on"
    )
    assert "errornote" not in page.text
    account = alice.get("/users/me").json()
    assert account["email"] == "a@example.org"
    assert account["username"] is None


def test_a_password_that_an_operator_sets_ends_every_login(
    browser: Browser, client: httpx.Client, alice: Client
) -> None:
    alice.patch("/users/me", json={"username": "alice", "password": PASSWORD})
    login = client.post("/auth/token", json={"username": "alice", "password": PASSWORD}).json()
    browser.send_form(
        f"/admin/accounts/user/{alice.user_id}/password/",
        usable_password="true",
        password1="새로운 비밀번호 42",
        password2="새로운 비밀번호 42",
    )
    body = {"refresh_token": login["refresh_token"]}
    assert client.post("/auth/refresh", json=body).status_code == 401
    body = {"username": "alice", "password": "새로운 비밀번호 42"}
    assert client.post("/auth/token", json=body).status_code == 200


def test_deactivating_refuses_the_tokens_but_never_the_operator_who_does_it(
    browser: Browser, alice: Client, olga: Client
) -> None:
    chosen = [alice.user_id, olga.user_id]
    asked = browser.send_form("/admin/accounts/user/", action="deactivate", _selected_action=chosen)
    assert "Deactivate 1 account?" in asked.text
    assert alice.get("/users/me").status_code == 200
    browser.post(asked.url, data=hidden_fields(asked.text))
    history = browser.get(f"/admin/accounts/user/{alice.user_id}/history/").text
    assert "Deactivated." in history
    assert alice.get("/users/me").status_code == 401
    assert olga.get("/users/me").status_code == 200
    browser.send_form("/admin/accounts/user/", action="activate", _selected_action=alice.user_id)
    assert alice.get("/users/me").status_code == 200


def test_an_operator_revokes_a_token(browser: Browser, client: httpx.Client, alice: Client) -> None:
    made = alice.post("/tokens/", json={"name": "노트북"}).json()
    chosen = {"action": "revoke", "_selected_action": made["id"]}
    asked = browser.send_form("/admin/accounts/apitoken/", **chosen)
    assert "Revoke 1 token?" in asked.text
    assert ApiToken.objects.exists()
    browser.post(asked.url, data=hidden_fields(asked.text))
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert client.get("/users/me", headers=headers).status_code == 401
    assert not ApiToken.objects.exists()


def test_no_page_shows_a_secret_or_a_digest(browser: Browser, alice: Client) -> None:
    secret = alice.post("/tokens/", json={"name": "노트북"}).json()["token"]
    token, link = ApiToken.objects.get(), RefreshToken.objects.get(user_id=alice.user_id)
    pages = [
        "/admin/accounts/apitoken/",
        f"/admin/accounts/apitoken/{token.pk}/change/",
        "/admin/accounts/refreshtoken/",
        f"/admin/accounts/refreshtoken/{link.pk}/change/",
        f"/admin/accounts/user/{alice.user_id}/change/",
    ]
    for page in pages:
        answer = browser.get(page)
        assert answer.status_code == 200
        for hidden in (secret, bytes(token.digest).hex(), bytes(link.digest).hex()):
            assert hidden not in answer.text
        assert "digest" not in answer.text


def test_refresh_tokens_can_only_be_looked_at(browser: Browser, alice: Client) -> None:
    link = RefreshToken.objects.get(user_id=alice.user_id)
    assert browser.get("/admin/accounts/refreshtoken/add/").status_code == 403
    assert browser.get(f"/admin/accounts/refreshtoken/{link.pk}/delete/").status_code == 403
    assert User.objects.filter(pk=alice.user_id).exists()


@pytest.fixture
def manager(server: RiniServer, new_user: Callable[..., Client]) -> Iterator[Browser]:
    """The browser of mina, who manages users and has no other right."""
    mina = new_user(username="mina", password=PASSWORD)
    account = User.objects.get(pk=mina.user_id)
    account.is_staff = True
    account.save()
    account.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user", "change_group"])
    )
    with Browser(base_url=server.url, follow_redirects=True, timeout=30) as browser:
        login = browser.send_form("/admin/", username="mina", password=PASSWORD)
        assert login.url.path == "/admin/"
        yield browser


def form_of(user: User, **changes: str | list[str]) -> dict[str, str | list[str]]:
    fields: dict[str, str | list[str]] = {"username": user.username or "", "is_active": "on"}
    return fields | changes


def test_a_user_manager_makes_nobody_a_superuser(manager: Browser, alice: Client) -> None:
    for user in User.objects.order_by("username"):  # mina first; alice has no name
        own = [str(pk) for pk in user.user_permissions.values_list("pk", flat=True)]
        fields = form_of(user, is_staff="on", is_superuser="on", user_permissions=own)
        page = manager.send_form(f"/admin/accounts/user/{user.pk}/change/", **fields)
        assert "errornote" not in page.text
    assert not User.objects.filter(is_superuser=True).exists()


def test_a_user_manager_gives_no_right_that_he_lacks(manager: Browser, alice: Client) -> None:
    lacking = Permission.objects.get(codename="change_budget")
    own = Permission.objects.get(codename="view_user")
    group = Group.objects.create(name="돈")
    group.permissions.add(lacking)
    address = f"/admin/accounts/user/{alice.user_id}/change/"
    user = User.objects.get(pk=alice.user_id)
    for beyond in ({"user_permissions": [str(lacking.pk)]}, {"groups": [str(group.pk)]}):
        assert "errornote" in manager.send_form(address, **form_of(user, **beyond)).text
    manager.send_form(address, **form_of(user, user_permissions=[str(own.pk)]))
    assert list(user.user_permissions.all()) == [own]
    assert not user.groups.exists()
    assert 'name="_save"' not in manager.get(f"/admin/auth/group/{group.pk}/change/").text
    group.permissions.clear()
    page = manager.send_form(
        f"/admin/auth/group/{group.pk}/change/", name="돈", permissions=[str(lacking.pk)]
    )
    assert "errornote" in page.text
    group.delete()


def test_a_user_manager_takes_over_nobody_who_may_do_more(
    manager: Browser, olga: Client, bob: Client
) -> None:
    User.objects.filter(pk=bob.user_id).update(is_staff=True)
    more = User.objects.get(pk=bob.user_id)
    more.user_permissions.add(Permission.objects.get(codename="change_budget"))
    for client in (olga, bob):
        page = manager.get(f"/admin/accounts/user/{client.user_id}/password/")
        assert page.status_code == 403
        form: dict[str, str | list[str]] = {"action": "deactivate"}
        form["_selected_action"] = [client.user_id]
        asked = manager.send_form("/admin/accounts/user/", **form)
        manager.post(asked.url, data=hidden_fields(asked.text))
    assert not User.objects.filter(is_active=False).exists()
    assert SecurityEvent.objects.filter(event="authz_fail").exists()


def test_rights_that_a_manager_cannot_give_stay_where_they_are(
    browser: Browser, alice: Client
) -> None:
    user = User.objects.get(pk=alice.user_id)
    permission = Permission.objects.get(codename="view_budget")
    fields = form_of(user, is_staff="on", user_permissions=[str(permission.pk)])
    browser.send_form(f"/admin/accounts/user/{user.pk}/change/", **fields)
    event = SecurityEvent.objects.get(event="authz_change")
    assert event.user_id == user.pk
    assert event.actor_id == User.objects.get(username="olga").pk
    assert event.details["permissions"] == ["view_budget"]


def test_an_operator_reads_the_security_log(
    browser: Browser, client: httpx.Client, alice: Client
) -> None:
    client.post("/auth/token", json={"username": "nobody", "password": "guess"})
    form: dict[str, str | list[str]] = {"action": "deactivate"}
    form["_selected_action"] = [alice.user_id]
    asked = browser.send_form("/admin/accounts/user/", **form)
    browser.post(asked.url, data=hidden_fields(asked.text))
    page = browser.get("/admin/accounts/securityevent/").text
    for shown in ("wrong name or password", "account suspended", "127.0.0.1", alice.user_id):
        assert shown in page
    found = browser.get("/admin/accounts/securityevent/", params={"q": alice.user_id}).text
    assert "account suspended" in found
    assert "wrong name or password" not in found.partition("<tbody>")[2].partition("</tbody>")[0]
    row = SecurityEvent.objects.get(event="user_suspended")
    address = f"/admin/accounts/securityevent/{row.pk}"
    assert browser.get(f"{address}/change/").status_code == 200
    assert browser.get(f"{address}/delete/").status_code == 403
