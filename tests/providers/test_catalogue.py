from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.authentication import Caller
from accounts.models import ApiToken, User
from billing import pricing
from providers import access, catalogue, keys, naming
from providers.errors import ProviderKeyMissing
from providers.models import ApiKey, Model, Provider
from rini.errors import Forbidden, InvalidInput
from rini.secrets import sealed
from rini.secrets.secret import Secret


@pytest.fixture
def caller(database: None, settings: Settings) -> Caller:
    """A new user; the operator lends nothing, and there is no local server."""
    settings.PROVIDER_API_KEYS = {}
    settings.PROVIDER_BASE_URLS = {}
    return Caller(User.objects.create_user(), None)


@pytest.fixture
def changes(database: None) -> Iterator[Any]:
    """Changes rows of the catalogue until the test ends: ``changes(row, enabled=False)``."""
    former: list[tuple[Any, dict[str, Any]]] = []

    def change(row: Provider | Model, **fields: Any) -> None:
        former.append((row, {name: getattr(row, name) for name in fields}))
        type(row)._base_manager.filter(pk=row.pk).update(**fields)

    yield change
    for row, fields in reversed(former):
        type(row)._base_manager.filter(pk=row.pk).update(**fields)
    connection.close()


def give_key(caller: Caller, slug: str, value: str = "sk-key", **more: Any) -> ApiKey:
    return keys.store(caller.user, Provider.objects.get(pk=slug), Secret(value), **more)


def where(caller: Caller, provider: str | None, model: str | None, **more: Any) -> tuple[str, str]:
    target = catalogue.resolve(caller, provider=provider, model=model, **more).target
    return target.provider, target.model


def key_used(caller: Caller, slug: str, model: str, **more: Any) -> str | None:
    key = catalogue.resolve(caller, provider=slug, model=model, **more).target.api_key
    return key.reveal() if key else None


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-mini"),
        ("openai", "openai/gpt-4o-mini"),
        (None, "openai/gpt-4o-mini"),
        (None, "gpt-4o-mini"),
    ],
)
def test_a_model_is_found_by_each_way_to_name_it(
    caller: Caller, provider: str | None, model: str
) -> None:
    give_key(caller, "openai")
    assert where(caller, provider, model) == ("openai", "gpt-4o-mini")


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("groq", "openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        (None, "openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        (None, "groq/openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        (None, "ollama/qwen3:8b", ("ollama", "qwen3:8b")),
        ("ollama", "hf.co/someone/모델:Q4", ("ollama", "hf.co/someone/모델:Q4")),
        (None, "openrouter/meta/llama:free", ("openrouter", "meta/llama:free")),
        ("openrouter", "openrouter/auto", ("openrouter", "openrouter/auto")),
        (None, "openrouter/auto", ("openrouter", "openrouter/auto")),
    ],
)
def test_names_with_slashes_and_colons_are_read_as_they_are_meant(
    caller: Caller, provider: str | None, model: str, found: tuple[str, str]
) -> None:
    give_key(caller, "groq")
    give_key(caller, "openrouter")
    assert where(caller, provider, model) == found


def test_what_is_known_of_a_model_comes_with_the_route(caller: Caller) -> None:
    give_key(caller, "google")
    route = catalogue.resolve(caller, provider="google", model="gemini-2.5-pro")
    assert (route.context_window, route.vision, route.tools) == (1_048_576, True, True)
    assert (route.target.wire, route.target.litellm_prefix) == ("gemini", "")
    assert route.target.base_url == "https://generativelanguage.googleapis.com/v1beta"


@pytest.mark.parametrize(
    ("provider", "model", "field", "code", "near"),
    [
        ("opnai", "gpt-4o", "provider", "provider_not_found", "openai"),
        ("openai", "gpt4o-mini", "model", "model_not_found", "gpt-4o-mini"),
        (None, "openai/gpt4o-mini", "model", "model_not_found", "gpt-4o-mini"),
        (None, "gpt4o-mini", "model", "model_not_found", "openai/gpt-4o-mini"),
        ("openai", "text-embedding-3-small", "model", "model_wrong_kind", "embedding"),
        ("openai", None, "model", "invalid_input", "provider/model"),
        ("local", "any", "provider", "provider_without_address", "LLM_SERVER_URL"),
    ],
)
def test_a_wrong_name_is_answered_with_what_may_be_meant(
    caller: Caller, provider: str | None, model: str | None, field: str, code: str, near: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        where(caller, provider, model)
    assert raised.value.code == code
    assert raised.value.errors is not None
    assert near in raised.value.errors[field][0]


def test_a_name_that_several_providers_have_means_the_usable_one(caller: Caller) -> None:
    twin = Model.objects.create(provider_id="groq", name="gpt-4o-mini")
    try:
        with pytest.raises(InvalidInput, match="openai/gpt-4o-mini") as raised:
            where(caller, None, "gpt-4o-mini")
        assert raised.value.code == "model_ambiguous"
        give_key(caller, "groq")
        assert where(caller, None, "gpt-4o-mini") == ("groq", "gpt-4o-mini")
        give_key(caller, "openai")
        with pytest.raises(InvalidInput, match="groq/gpt-4o-mini, openai/gpt-4o-mini"):
            where(caller, None, "gpt-4o-mini")
    finally:
        twin.delete()


def test_what_the_operator_disabled_is_refused_by_name(caller: Caller, changes: Any) -> None:
    give_key(caller, "openai")
    changes(Model.objects.get(provider="openai", name="gpt-4o"), enabled=False)
    with pytest.raises(InvalidInput, match="disabled openai/gpt-4o"):
        where(caller, "openai", "gpt-4o")
    changes(Provider.objects.get(pk="openai"), enabled=False)
    for model in ("gpt-4o-mini", "unheard-of"):
        with pytest.raises(InvalidInput, match="disabled openai"):
            where(caller, "openai", model)
    assert not [row for row in access.usable_models(caller) if row.provider_id == "openai"]


def test_a_provider_takes_models_that_no_table_lists_unless_the_operator_has_closed_it(
    caller: Caller, changes: Any
) -> None:
    for slug in ("openai", "openrouter"):
        give_key(caller, slug)
    new = {"openai": "ft:gpt-4o-mini:우리::9abc", "openrouter": "someone/new", "ollama": "qwen9"}
    for provider, model in new.items():
        assert where(caller, provider, model) == (provider, model)
        changes(Provider.objects.get(pk=provider), only_listed=True)
        naming._provider.forget()
        with pytest.raises(InvalidInput) as raised:
            where(caller, provider, model)
        assert raised.value.code == "model_not_found"
    assert where(caller, "openai", "gpt-4o-mini") == ("openai", "gpt-4o-mini")


def test_a_token_opens_its_models_alone(caller: Caller) -> None:
    give_key(caller, "openai")
    token = ApiToken(user=caller.user, name="t", allowed_models=["openai/gpt-4o-mini", "demo/*"])
    limited = Caller(caller.user, token)
    assert where(limited, "openai", "gpt-4o-mini") == ("openai", "gpt-4o-mini")
    with pytest.raises(Forbidden, match="openai/gpt-4o-mini, demo/*"):
        where(limited, "openai", "gpt-4o")
    with pytest.raises(Forbidden):
        where(limited, "ollama", "gpt-4o-mini")
    assert {str(row) for row in access.usable_models(limited)} == {
        "demo/demo",
        "openai/gpt-4o-mini",
    }


def test_an_address_is_the_row_s_then_the_environment_s_then_the_usual(
    caller: Caller, settings: Settings, changes: Any
) -> None:
    def address() -> str:
        return catalogue.resolve(caller, provider="ollama", model="m").target.base_url

    assert address() == "http://127.0.0.1:11434/v1"
    settings.PROVIDER_BASE_URLS = {"ollama": "http://127.0.0.1:9/v1"}
    assert address() == "http://127.0.0.1:9/v1"
    changes(Provider.objects.get(pk="ollama"), base_url="http://127.0.0.1:8/v1")
    assert address() == "http://127.0.0.1:8/v1"


def test_a_call_takes_the_session_s_key_then_the_user_s_newest_then_the_operator_s(
    caller: Caller, settings: Settings, changes: Any
) -> None:
    session = uuid4()
    with pytest.raises(ProviderKeyMissing, match="POST /api-keys/.*OPENAI_API_KEY"):
        key_used(caller, "openai", "gpt-4o", session_id=session)
    settings.PROVIDER_API_KEYS = {"openai": Secret("sk-environment")}
    assert key_used(caller, "openai", "gpt-4o", session_id=session) == "sk-environment"
    lent = Provider.objects.get(pk="openai")
    sealed.put(lent, "sealed_key", Secret("sk-admin"))
    changes(Provider.objects.get(pk="openai"), sealed_key=lent.sealed_key)
    assert key_used(caller, "openai", "gpt-4o", session_id=session) == "sk-admin"
    give_key(caller, "openai", "sk-older")
    give_key(caller, "openai", "sk-newer")
    assert key_used(caller, "openai", "gpt-4o", session_id=session) == "sk-newer"
    give_key(caller, "openai", "sk-session", session_id=session)
    assert key_used(caller, "openai", "gpt-4o", session_id=session) == "sk-session"
    assert key_used(caller, "openai", "gpt-4o", session_id=uuid4()) == "sk-newer"
    assert key_used(caller, "openai", "gpt-4o") == "sk-newer"


def test_nobody_s_call_takes_another_user_s_key(caller: Caller) -> None:
    session = uuid4()
    give_key(caller, "openai")
    give_key(caller, "openai", "sk-session", session_id=session)
    other = Caller(User.objects.create_user(), None)
    with pytest.raises(ProviderKeyMissing):
        key_used(other, "openai", "gpt-4o", session_id=session)


def test_a_provider_that_needs_no_key_is_sent_one_if_there_is_one(caller: Caller) -> None:
    assert key_used(caller, "ollama", "qwen3:8b") is None
    give_key(caller, "ollama", "sk-behind-a-proxy")
    assert key_used(caller, "ollama", "qwen3:8b") == "sk-behind-a-proxy"


def test_the_use_of_a_key_is_noted_once_a_minute(
    caller: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key = give_key(caller, "openai")
    before = timezone.now()
    pricing.is_billed("openai", "gpt-4o", before)  # prices are remembered for some seconds
    with django_assert_num_queries(3):
        where(caller, "openai", "gpt-4o")
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    assert first >= before
    with django_assert_num_queries(2):
        where(caller, "openai", "gpt-4o")
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    where(caller, "openai", "gpt-4o")
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert key.last_used_at >= first
