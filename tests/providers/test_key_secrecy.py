"""A stored key goes to its vendor and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from django.db import connection

from accounts.authentication import Caller
from accounts.models import User as Account
from providers import catalogue
from providers.models import ApiKey, Provider
from providers.serializers import KeySerializer
from tests.admin_browser import AdminBrowser
from tests.conftest import User
from tests.rini_server import RiniServer
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

OWN = "sk-own-aaaabbbbccccdddd-7391"
LENT = "sk-lent-eeeeffffgggghhhh-4826"
MODELS = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-2.5-flash",
}
PAGES = (
    *("providers/provider/", "providers/provider/openai/change/", "providers/provider/add/"),
    *("providers/model/", "providers/model/add/", "providers/apikey/"),
    *("billing/price/", "billing/price/add/", "billing/usagerecord/", "billing/hold/"),
)


def shows_a_key(text: str) -> bool:
    """Whether any part of a key that is long enough to help stands in `text`."""
    return any(key in text or key[:12] in text or key[-12:] in text for key in (OWN, LENT))


@pytest.fixture
def admin(server: RiniServer, olga: User) -> Iterator[AdminBrowser]:
    with closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as browser:
        yield browser


@pytest.fixture
def lent_key(admin: AdminBrowser) -> Iterator[None]:
    """The operator lends `LENT` for OpenAI, by the form in the admin."""
    answer = change_provider(admin, new_key=LENT)
    assert answer.status_code == 302, answer.text
    yield
    assert change_provider(admin, remove_key="on").status_code == 302
    assert Provider.objects.get(pk="openai").sealed_key is None
    connection.close()


def change_provider(admin: AdminBrowser, **fields: str) -> httpx.Response:
    whole = {"name": "OpenAI", "enabled": "on", "wire": "openai", "needs_key": "on"}
    return admin.submit("providers/provider/openai/change/", {**whole, **fields})


def add_key(owner: httpx.Client, provider: str) -> str:
    body = {"model_provider": provider, "api_key_value": OWN}
    made: str = owner.post("/api-keys/", json=body).json()["id"]
    return made


@pytest.mark.parametrize("provider", list(MODELS))
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_vendor_that_repeats_the_key_in_its_error_reveals_it_to_nobody(
    alice: User, stage: Stage, server: RiniServer, provider: str, status: int
) -> None:
    error = {"error": {"message": f"Incorrect key {OWN}; {OWN[:12]}…{OWN[-12:]}", "type": OWN}}
    headers = {"x-echo": OWN}
    stage.always(Script(failure=Failure(status, error, headers)), key=OWN)
    key = add_key(alice, provider)
    body = {"text": "안녕", "provider": provider, "model": MODELS[provider]}
    answers = [
        alice.post("/llm/text-completion/", json=body),
        alice.post("/llm/text-completion/", json={**body, "stream": True}),
        alice.post(f"/api-keys/{key}/verify"),
    ]
    assert len(stage.calls_of(key=OWN)) >= 3
    for answer in answers:
        assert OWN not in answer.text + repr(answer.headers)
    assert OWN not in server.log


def test_no_page_of_the_admin_shows_a_key(
    alice: User, admin: AdminBrowser, lent_key: None, server: RiniServer
) -> None:
    key = add_key(alice, "openai")
    assert change_provider(admin, new_key="열쇠 아님").status_code == 200
    for page in (*PAGES, f"providers/apikey/{key}/change/", f"providers/apikey/{key}/delete/"):
        answer = admin.get(page)
        assert answer.status_code == 200, page
        assert not shows_a_key(answer.text), page
    provider = admin.get("providers/provider/openai/change/").text
    assert f"…{LENT[-4:]}" in provider
    history = admin.get("providers/provider/openai/history/")
    assert not shows_a_key(history.text)
    assert not shows_a_key(server.log)


def test_the_operator_s_key_is_kept_when_the_form_is_saved_without_one(
    alice: User, admin: AdminBrowser, lent_key: None, stage: Stage
) -> None:
    assert change_provider(admin).status_code == 302
    body = {"text": "안녕", "provider": "openai", "model": "gpt-4o-mini"}
    answer = alice.post("/llm/text-completion/", json=body)
    assert answer.status_code == 200, answer.text
    assert stage.wait_for_call().key == LENT


def test_the_database_holds_no_key_in_the_clear(alice: User, lent_key: None) -> None:
    add_key(alice, "openai")
    with connection.cursor() as cursor:
        for table in ("providers_apikey", "providers_provider", "django_admin_log"):
            cursor.execute(f"SELECT t.*::text FROM {table} t")
            said = repr(cursor.fetchall())
            hexadecimal = (OWN.encode().hex(), LENT.encode().hex())
            assert not shows_a_key(said)
            assert not any(key in said for key in hexadecimal)


def test_nothing_that_carries_a_key_prints_it(alice: User) -> None:
    add_key(alice, "openai")
    user = Account.objects.get(pk=alice.user_id)
    route = catalogue.resolve(Caller(user, None), provider="openai", model="gpt-4o-mini")
    key = ApiKey.objects.get()
    assert route.target.api_key is not None
    assert route.target.api_key.reveal() == OWN
    carriers = (route, route.target, route.target.api_key, key, vars(key), key.provider)
    for carrier in (*carriers, KeySerializer(key).data, KeySerializer(key)):
        assert not shows_a_key(f"{carrier!r} {carrier!s} {carrier}")
