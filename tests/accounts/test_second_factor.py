"""The second factor of operators: set up in the administration, asked for at every login."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyotp
import pytest
from django.core.management import CommandError, call_command

from accounts import second_factor
from accounts.models import EventName, SecondFactor, SecurityEvent
from accounts.models import User as Account
from tests.admin_browser import AdminBrowser, hidden_fields
from tests.conftest import User
from tests.rini_server import RiniServer

PASSWORD = "올가의 긴 암호 2468"
PAGE = "second-factor/"


@pytest.fixture
def browser(olga: User, server: RiniServer) -> Iterator[AdminBrowser]:
    with contextlib.closing(AdminBrowser(server.url, "olga", PASSWORD)) as browser:
        yield browser


@pytest.fixture
def app(browser: AdminBrowser) -> pyotp.TOTP:
    """Olga's app, after she has set her second factor up."""
    app = _app_of(browser)
    _fresh()
    answer = browser.submit_seen(PAGE, {"code": app.now()})
    assert len(_codes(answer.text)) == 10
    return app


def _app_of(browser: AdminBrowser) -> pyotp.TOTP:
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", browser.get(PAGE).text)
    return pyotp.TOTP(secret)


def _codes(page: str) -> list[str]:
    return re.findall(r"\b[0-9a-f]{5}(?:-[0-9a-f]{5}){3}\b", page)


def _fresh() -> None:
    """Forget which code was the last good one, as half a minute later."""
    SecondFactor.objects.update(last_step=0)


def _log_in(server: RiniServer, code: str = "") -> httpx.Response:
    """Into the administration, with the right password."""
    with httpx.Client(base_url=f"{server.url}/admin/", timeout=30) as client:
        page = client.get("login/").text
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        fields = {"username": "olga", "password": PASSWORD, "code": code}
        return client.post("login/", data={**fields, "csrfmiddlewaretoken": token})


def _token(client: httpx.Client, **more: Any) -> httpx.Response:
    body = {"username": "olga", "password": PASSWORD, **more}
    return client.post("/auth/token", json=body)


def test_a_login_to_the_administration_needs_its_code(app: pyotp.TOTP, server: RiniServer) -> None:
    _fresh()
    assert _log_in(server).status_code == 200
    assert _log_in(server, "000000").status_code == 200
    assert _log_in(server, app.now()).status_code == 302


def test_a_login_to_the_api_needs_its_code(app: pyotp.TOTP, client: httpx.Client) -> None:
    _fresh()
    without = _token(client)
    assert (without.status_code, without.json()["code"]) == (401, "second_factor_required")
    wrong = _token(client, code="000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "code_wrong")
    assert _token(client, code=app.now()).status_code == 200


def test_no_code_is_good_twice(app: pyotp.TOTP, client: httpx.Client) -> None:
    _fresh()
    code = app.now()
    assert _token(client, code=code).status_code == 200
    assert _token(client, code=code).status_code == 401


def test_a_code_of_the_step_before_is_good_and_an_older_one_is_not(
    app: pyotp.TOTP, client: httpx.Client
) -> None:
    now = time.time()
    _fresh()
    assert _token(client, code=app.at(now - 90)).status_code == 401
    assert _token(client, code=app.at(now - 25)).status_code == 200


def test_a_recovery_code_is_good_once(browser: AdminBrowser, client: httpx.Client) -> None:
    app = _app_of(browser)
    codes = _codes(browser.submit_seen(PAGE, {"code": app.now()}).text)
    assert _token(client, code=codes[0].upper()).status_code == 200
    assert _token(client, code=codes[0]).status_code == 401
    assert _token(client, code=codes[1].replace("-", " ")).status_code == 200
    assert SecurityEvent.objects.filter(event=EventName.RECOVERY_CODE_USED).count() == 2


def test_new_recovery_codes_replace_the_old(
    app: pyotp.TOTP, browser: AdminBrowser, client: httpx.Client
) -> None:
    _fresh()
    codes = _codes(browser.submit_seen(PAGE, {"code": app.now(), "renew": "1"}).text)
    assert len(codes) == 10
    _fresh()
    others = _codes(browser.submit_seen(PAGE, {"code": app.now(), "renew": "1"}).text)
    assert _token(client, code=codes[0]).status_code == 401
    assert _token(client, code=others[0]).status_code == 200


def test_guesses_of_codes_are_braked_as_those_of_passwords(
    app: pyotp.TOTP, client: httpx.Client
) -> None:
    statuses = [_token(client, code=f"{n:06}").status_code for n in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert SecurityEvent.objects.filter(event=EventName.SECOND_FACTOR_REFUSED).exists()


def test_it_is_in_force_only_once_a_first_code_was_right(
    browser: AdminBrowser, client: httpx.Client
) -> None:
    _app_of(browser)
    assert browser.submit_seen(PAGE, {"code": "000000"}).status_code == 200
    assert _token(client).status_code == 200


def test_its_owner_removes_it_with_a_code_only(
    app: pyotp.TOTP, browser: AdminBrowser, client: httpx.Client
) -> None:
    browser.submit_seen(PAGE, {"code": "000000", "remove": "1"})
    assert _token(client).status_code == 401
    _fresh()
    assert browser.submit_seen(PAGE, {"code": app.now(), "remove": "1"}).status_code == 302
    assert _token(client).status_code == 200
    assert SecurityEvent.objects.filter(event=EventName.SECOND_FACTOR_REMOVED).exists()


def test_the_secret_is_sealed_and_shown_to_nobody_again(
    app: pyotp.TOTP, browser: AdminBrowser
) -> None:
    factor = SecondFactor.objects.get()
    assert app.secret.encode() not in bytes(factor.sealed or b"")
    assert app.secret not in browser.get(PAGE).text


def test_an_operator_removes_a_colleagues(
    app: pyotp.TOTP, browser: AdminBrowser, client: httpx.Client
) -> None:
    owner = Account.objects.get(username="olga")
    fields = {"action": "remove_second_factor", "_selected_action": [str(owner.pk)]}
    page = browser.submit("accounts/user/", fields)
    assert "olga" in page.text
    done = browser.post("accounts/user/", data=hidden_fields(page.text))
    assert done.status_code == 302
    assert _token(client).status_code == 200


def test_the_command_removes_that_of_who_has_lost_everything(
    app: pyotp.TOTP, client: httpx.Client
) -> None:
    call_command("remove_second_factor", "OLGA")
    assert _token(client).status_code == 200
    with pytest.raises(CommandError, match="no second factor"):
        call_command("remove_second_factor", "olga")
    with pytest.raises(CommandError, match="no account"):
        call_command("remove_second_factor", "아무도")


def test_where_it_is_required_an_operator_sees_nothing_before(
    olga: User, start_server: Callable[..., RiniServer]
) -> None:
    strict = start_server(ADMIN_SECOND_FACTOR="required")
    with contextlib.closing(AdminBrowser(strict.url, "olga", PASSWORD)) as browser:
        for path in ("", "accounts/user/", "billing/budget/add/"):
            answer = browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (302, f"/admin/{PAGE}")
        app = _app_of(browser)
        assert _codes(browser.submit_seen(PAGE, {"code": app.now()}).text)
        assert browser.get("accounts/user/").status_code == 200


def test_a_code_opens_nothing_without_the_password(app: pyotp.TOTP, client: httpx.Client) -> None:
    _fresh()
    assert _token(client, password="wrong", code=app.now()).status_code == 401
    assert _token(client, code=app.now()).status_code == 200


def test_who_has_none_logs_in_with_a_password_alone(olga: User, client: httpx.Client) -> None:
    assert not second_factor.is_on(Account.objects.get(username="olga"))
    assert _token(client, code="123456").status_code == 200
