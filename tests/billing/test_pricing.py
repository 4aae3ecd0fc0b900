from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from billing import pricing
from billing.models import Price
from billing.usage import Usage
from tests.price_table import unlocked

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROVIDER = "pricing-test"
rates = st.integers(0, 10**15)
counts = st.integers(0, 10**9)


def price(model: str = "모델", **fields: Any) -> Price:
    """A price of $1 in and $2 out per million tokens, from noon on."""
    rates = {"input_rate": 10**9, "output_rate": 2 * 10**9, "effective_from": NOON}
    return Price(provider=PROVIDER, model=model, **{**rates, **fields})


@pytest.fixture
def prices(database: None) -> Iterator[None]:
    """Rows that this test saves go afterwards."""
    yield
    with unlocked():
        Price.objects.filter(provider=PROVIDER).delete()
    pricing._rows.forget()
    connection.close()


def rate_at(model: str, at: datetime, input_tokens: int = 1) -> int | None:
    found = pricing.price_of(PROVIDER, model, at, input_tokens)
    return found.input_rate if found else None


def test_the_newest_price_in_effect_at_that_moment_counts(prices: None) -> None:
    price(input_rate=1).save()
    price(input_rate=2, effective_from=NOON + timedelta(hours=1)).save()
    second = timedelta(seconds=1)
    assert rate_at("모델", NOON - second) is None
    assert rate_at("모델", NOON) == 1
    assert rate_at("모델", NOON + timedelta(hours=1) - second) == 1
    assert rate_at("모델", NOON + timedelta(hours=1)) == 2


def test_a_tier_holds_above_its_number_of_tokens(prices: None) -> None:
    price(input_rate=1).save()
    price(input_rate=2, above_input_tokens=200_000).save()
    price(input_rate=3, above_input_tokens=500_000).save()
    asked = (0, 1, 200_000, 200_001, 500_000, 500_001)
    assert [rate_at("모델", NOON, tokens) for tokens in asked] == [1, 1, 1, 2, 2, 3]


def test_a_new_price_takes_the_place_of_the_old_one_with_its_tiers(prices: None) -> None:
    price(input_rate=1).save()
    price(input_rate=2, above_input_tokens=200_000).save()
    later = NOON + timedelta(hours=1)
    price(input_rate=5, effective_from=later).save()
    assert rate_at("모델", later, 300_000) == 5
    price(input_rate=7, above_input_tokens=200_000, effective_from=later).save()
    assert rate_at("모델", later, 300_000) == 7


def test_the_provider_s_price_for_every_model_serves_those_without_one(prices: None) -> None:
    price("*", input_rate=0, output_rate=0).save()
    price("named", input_rate=3).save()
    assert rate_at("named", NOON) == 3
    assert rate_at("qwen3:8b", NOON) == 0


def test_a_model_without_a_price_has_none(prices: None) -> None:
    assert rate_at("모델", NOON) is None


def test_a_price_that_is_added_counts_in_this_process_at_once(prices: None) -> None:
    price(input_rate=1).save()
    assert rate_at("모델", NOON) == 1
    price(input_rate=2, effective_from=NOON + timedelta(minutes=1)).save()
    assert rate_at("모델", NOON + timedelta(minutes=1)) == 2


def test_prices_are_not_read_again_for_every_call(
    prices: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    price().save()
    with django_assert_num_queries(1):
        for _ in range(3):
            rate_at("모델", NOON)


def test_an_unknown_count_costs_an_unknown_amount() -> None:
    assert pricing.cost(Usage(input_tokens=10), price()) is None
    assert pricing.cost(Usage(output_tokens=10), price()) is None
    assert pricing.cost(Usage(), price()) is None
    assert pricing.cost(Usage(input_tokens=0, output_tokens=0), price()) == 0


def test_input_includes_what_was_read_from_and_written_to_the_cache() -> None:
    usage = Usage(
        input_tokens=1_000_000,
        cached_input_tokens=400_000,
        cache_write_tokens=100_000,
        output_tokens=0,
    )
    row = price(input_rate=1000, cached_input_rate=100, cache_write_rate=1250)
    assert pricing.cost(usage, row) == 500 + 40 + 125
    assert pricing.cost(usage, price(input_rate=1000)) == 1000


@pytest.mark.parametrize(
    ("tokens", "nano"), [(1, 0), (499_999, 0), (500_000, 1), (1_499_999, 1), (1_500_000, 2)]
)
def test_half_a_nano_dollar_is_rounded_up(tokens: int, nano: int) -> None:
    usage = Usage(input_tokens=tokens, output_tokens=0)
    assert pricing.cost(usage, price(input_rate=1)) == nano


@given(rates, rates, st.none() | rates, st.none() | rates, counts, counts, counts, counts)
def test_cost_is_exact_but_for_one_rounding(
    into: int,
    out: int,
    cached_rate: int | None,
    write_rate: int | None,
    plain: int,
    cached: int,
    written: int,
    output: int,
) -> None:
    usage = Usage(
        input_tokens=plain + cached + written,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output,
    )
    row = price(
        input_rate=into, output_rate=out, cached_input_rate=cached_rate, cache_write_rate=write_rate
    )
    exact = Fraction(
        plain * into
        + cached * (into if cached_rate is None else cached_rate)
        + written * (into if write_rate is None else write_rate)
        + output * out,
        10**6,
    )
    assert pricing.cost(usage, row) == floor(exact + Fraction(1, 2))


@given(counts, counts, counts, counts)
def test_more_tokens_never_cost_less(into: int, out: int, more_in: int, more_out: int) -> None:
    less = pricing.cost(Usage(input_tokens=into, output_tokens=out), price())
    more = pricing.cost(Usage(input_tokens=into + more_in, output_tokens=out + more_out), price())
    assert less is not None
    assert more is not None
    assert less <= more


@given(counts, st.integers(0, 2**40))
def test_a_vendor_that_counts_more_cache_than_input_does_not_make_it_cheaper(
    into: int, cached: int
) -> None:
    usage = Usage(input_tokens=into, cached_input_tokens=cached, output_tokens=0)
    cost = pricing.cost(usage, price(cached_input_rate=0))
    assert cost is not None
    assert cost >= 0
