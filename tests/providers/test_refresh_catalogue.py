from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from io import StringIO
from typing import Any

import genai_prices
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from billing import pricing
from billing.models import Price
from billing.usage import Usage
from providers import catalogue_refresh, genai, seeds
from providers.models import Model, Provider
from tests.price_table import unlocked


@pytest.fixture
def rolled_back(database: None) -> Iterator[None]:
    """What the test does to the catalogue is undone."""
    with unlocked():
        yield
        transaction.set_rollback(True)
    pricing._rows.forget()
    connection.close()


def refreshed(*options: str) -> str:
    output = StringIO()
    call_command("refresh_catalogue", *options, stdout=output)
    return output.getvalue()


def counts() -> tuple[int, int, int]:
    return Provider.objects.count(), Model.objects.count(), Price.objects.count()


def test_a_migrated_database_has_the_whole_catalogue(rolled_back: None) -> None:
    assert {row.slug for row in seeds.providers()} <= set(
        Provider.objects.values_list("slug", flat=True)
    )
    assert refreshed("--dry-run").startswith("0 providers, 0 models and 0 prices would be added")


@pytest.mark.parametrize(("slug", "wire"), [("anthropic", "anthropic"), ("google", "gemini")])
def test_an_installation_that_reached_a_vendor_through_litellm_changes_its_wire(
    rolled_back: None, slug: str, wire: str
) -> None:
    old = {"wire": "litellm", "litellm_prefix": wire}
    Provider.objects.filter(slug=slug).update(**old)
    Provider.objects.create(slug="watsonx", name="W", wire="litellm", litellm_prefix="watsonx")
    migration = importlib.import_module("providers.migrations.0002_wires_of_our_own")
    editor = connection.schema_editor()
    migration.to_own_wires(apps, editor)
    row = Provider.objects.get(slug=slug)
    assert (row.wire, row.litellm_prefix) == (wire, "")
    assert Provider.objects.get(slug="watsonx").wire == "litellm"
    migration.to_litellm(apps, editor)
    assert Provider.objects.filter(slug=slug, **old).exists()


def test_an_emptied_database_is_filled_by_migrate_once(rolled_back: None) -> None:
    before = counts()
    for table in (Model, Provider, Price):
        table._base_manager.all().delete()
    call_command("migrate", verbosity=0)
    assert counts() == before
    Model.objects.filter(provider="groq").delete()
    call_command("migrate", verbosity=0)
    assert not Model.objects.filter(provider="groq").exists()


def test_a_dry_run_shows_changes_and_makes_none(rolled_back: None) -> None:
    Model.objects.filter(provider="openai", name="gpt-4o").delete()
    Model.objects.filter(provider="openai", name="gpt-4").update(context_window=5)
    before = counts()
    said = refreshed("--dry-run")
    assert "+ model openai/gpt-4o" in said
    assert "~ model openai/gpt-4: context_window 5 → 8192" in said
    assert counts() == before
    assert refreshed() == said.replace("would be", "were")
    assert Model.objects.get(provider="openai", name="gpt-4").context_window == 8192


def test_a_model_that_was_edited_by_hand_stays(rolled_back: None) -> None:
    named = Model.objects.filter(provider="openai", name="gpt-4o")
    named.update(context_window=5, edited=True)
    assert "= model openai/gpt-4o was edited by hand" in refreshed()
    assert named.get().context_window == 5


def test_a_price_that_differs_is_added_and_the_old_one_stays(rolled_back: None) -> None:
    rows = Price.objects.filter(provider="google", model="gemini-2.5-pro")
    old = set(rows.values_list("pk", flat=True))
    rows.filter(above_input_tokens=200_000).update(input_rate=1)
    before = timezone.now()
    assert "~ price google/gemini-2.5-pro" in refreshed()
    added = rows.exclude(pk__in=old)
    assert sorted(row.above_input_tokens for row in added) == [0, 200_000]
    assert all(row.effective_from >= before for row in added)
    assert rows.filter(pk__in=old).count() == len(old)
    assert refreshed("--dry-run").startswith("0 providers, 0 models and 0 prices")


def test_an_operator_s_price_is_not_outdone_by_a_seeded_one(rolled_back: None) -> None:
    named = {"provider": "openai", "model": "gpt-4o"}
    Price.objects.create(**named, input_rate=7, output_rate=7)
    Price.objects.filter(**named, source__startswith="genai-prices").update(input_rate=1)
    assert "= price openai/gpt-4o is the operator's" in refreshed()
    later = timezone.now() + timedelta(days=1)
    price = pricing.price_of("openai", "gpt-4o", later, 1)
    assert price is not None
    assert price.input_rate == 7


def test_rows_that_no_release_knows_stay(rolled_back: None) -> None:
    Provider.objects.create(slug="house", name="우리 집", wire="openai", base_url="http://h/v1")
    Model.objects.create(provider_id="house", name="모델")
    refreshed()
    assert Model.objects.filter(provider="house").exists()


def test_every_rate_from_litellm_is_its_table_s_to_the_last_digit() -> None:
    table = seeds._table()
    checked = 0
    for model in seeds.models():
        key = next((k for k in (f"gemini/{model.name}", model.name) if k in table), None)
        if key is None or not model.rates or not model.source.startswith("litellm"):
            continue
        said = Decimal(str(table[key]["input_cost_per_token"]))
        assert Decimal(model.rates[0].input_rate).scaleb(-15) == said, model
        checked += 1
    assert checked > 5


USAGES = [
    Usage(input_tokens=1_000, output_tokens=500),
    Usage(input_tokens=300_001, output_tokens=77_777, cached_input_tokens=123_456),
    Usage(
        input_tokens=250_000,
        output_tokens=3,
        cached_input_tokens=100_000,
        cache_write_tokens=60_000,
        cache_write_1h_tokens=20_000,
    ),
]


@pytest.mark.parametrize("used", USAGES)
def test_a_seeded_price_comes_to_what_its_source_itself_calculates(used: Usage) -> None:
    checked = 0
    for model in seeds.models():
        for tier in {rate.service_tier for rate in model.rates}:
            known = genai._providers().get({"zhipu": "zai"}.get(model.provider, model.provider))
            found = known.find_model(model.name) if known else None
            if found is None or model.provider == "deepseek":  # its prices differ by the hour
                continue
            rates = [rate for rate in model.rates if rate.service_tier == tier]
            reached = [rate for rate in rates if rate.above_input_tokens < (used.input_tokens or 0)]
            mine = pricing.cost(used, Price(**asdict(reached[-1])))
            assert mine == theirs(found, known, used, tier), (model.name, tier)
            checked += 1
    assert checked > 150


def theirs(model: Any, provider: Any, used: Usage, tier: str) -> int:
    keys = {
        "input_tokens": used.input_tokens,
        "cache_read_tokens": used.cached_input_tokens,
        "cache_write_tokens": used.cache_write_tokens,
        "cache_write_1h_tokens": used.cache_write_1h_tokens,
        "output_tokens": used.output_tokens,
    }
    context = {"service_tier": tier} if tier else None
    total = model.calc_price(
        genai_prices.Usage(**keys), provider, price_context=context
    ).total_price
    return int((total * 10**9).quantize(Decimal(1), ROUND_HALF_UP))


def test_known_models_cost_what_their_vendors_say(database: None) -> None:
    now = timezone.now() + timedelta(seconds=10)

    def rates(provider: str, model: str, tokens: int = 1) -> tuple[Any, ...]:
        row = pricing.price_of(provider, model, now, tokens)
        assert row is not None
        return row.input_rate, row.cached_input_rate, row.cache_write_rate, row.output_rate

    million = 1_000_000_000
    assert rates("openai", "gpt-4o-mini") == (150_000_000, 75_000_000, None, 600_000_000)
    assert rates("anthropic", "claude-sonnet-4-5") == (
        3 * million,
        300_000_000,
        3_750_000_000,
        15 * million,
    )
    assert rates("google", "gemini-2.5-pro", 200_001) == (
        2_500_000_000,
        250_000_000,
        None,
        15 * million,
    )
    assert rates("demo", "demo") == rates("local", "무엇이든") == (0, None, None, 0)
    assert rates("offline", "multilingual-e5-small") == (0, None, None, 0)
    assert pricing.price_of("zhipu", "glm-4-plus", now, 1) is None


def test_reading_the_table_does_not_import_litellm() -> None:
    program = (
        "import django; django.setup()\n"
        "from providers import seeds\n"
        "assert seeds.models()\n"
        "import sys; assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_planning_writes_nothing(rolled_back: None) -> None:
    Model.objects.filter(provider="groq").delete()
    before = counts()
    assert catalogue_refresh.planned().new_models
    assert counts() == before
