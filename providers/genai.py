"""Prices from the package `genai-prices`: what its table of this release says, without a network.

Its prices are dollars per million tokens (``…_mtok``) or per thousand things (``…_kcount``), a
number or `TieredPrices` by the length of the prompt; a model has them by start dates, by hours of
the day, and as variants for service tiers. A row of Rini's table holds at every hour: of prices
that differ by the hour it has the dearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, StartDateConstraint

from providers.price_rows import Rates
from providers.vendors import VENDORS, vendor

SERVICE_TIERS = ("flex", "priority", "fast")
_NANO_PER_MILLION = Decimal(10**9)
_NANO_PER_THOUSAND = Decimal(10**12)
_OPTIONAL = {
    "cached_input_rate": "cache_read_mtok",
    "cache_write_rate": "cache_write_mtok",
    "cache_write_1h_rate": "cache_write_1h_mtok",
    "input_audio_rate": "input_audio_mtok",
    "cached_audio_rate": "cache_audio_read_mtok",
    "output_audio_rate": "output_audio_mtok",
    "input_image_rate": "input_image_mtok",
    "output_image_rate": "output_image_mtok",
}


def source() -> str:
    return f"genai-prices {version('genai-prices')}"


def rates_of(provider: str, model: str, *, puts_out: bool) -> tuple[Rates, ...]:
    """Every row for a model, of all tiers, as it holds now; empty where the table has none.

    A model that `puts_out` tokens has no price without one for these; an embedding model has.
    """
    known = _providers().get(vendor(provider).genai_prices or provider)
    found = known.find_model(model) if known else None
    rates = _all_rates(found) if found else ()
    return rates if found and not (puts_out and _is_free_of_output(found)) else ()


def whole_table() -> Iterator[tuple[str, str, tuple[Rates, ...]]]:
    """Provider, model and rows of every model of the vendors that are priced whole."""
    for known in (known for known in VENDORS if known.priced_whole):
        for model in _providers()[known.genai_prices or known.slug].models:
            if not _is_free_of_output(model) and (rates := _all_rates(model)):
                yield known.slug, model.id, rates


@cache
def _providers() -> dict[str, Provider]:
    return {provider.id: provider for provider in get_snapshot().providers}


def _all_rates(model: ModelInfo) -> tuple[Rates, ...]:
    standard = tuple(_rates(_dearest(model), ""))
    found = list(standard)
    for tier in SERVICE_TIERS if standard else ():
        if any(variant.when == {"service_tier": tier} for variant in model.price_variants or ()):
            price = model.get_prices(datetime.now(UTC), {"service_tier": tier})
            found += _rates(price, tier)
    return tuple(found)


def _is_free_of_output(model: ModelInfo) -> bool:
    return _at(_dearest(model), "output_mtok", 0) is None


def _dearest(model: ModelInfo) -> ModelPrice:
    """The price in effect by its date, or a higher one for certain hours."""
    if isinstance(model.prices, ModelPrice):
        return model.prices
    today = datetime.now(UTC)
    by_date, by_hour = [], []
    for conditional in model.prices:
        if conditional.constraint is None:
            by_date.append(conditional.prices)
        elif not isinstance(conditional.constraint, StartDateConstraint):
            by_hour.append(conditional.prices)
        elif conditional.constraint.active(today):
            by_date.append(conditional.prices)
    return max([*by_date[-1:], *by_hour], key=lambda price: _at(price, "output_mtok", 0) or 0)


def _rates(price: ModelPrice, service_tier: str) -> Iterator[Rates]:
    """The row from 0 tokens on, and one for each length from which something costs otherwise."""
    tiered = (value for value in vars(price).values() if hasattr(value, "tiers"))
    starts = sorted({0, *(tier.start for value in tiered for tier in value.tiers)})
    for start in starts:
        into, out = _at(price, "input_mtok", start), _at(price, "output_mtok", start)
        if into is None:
            return
        searches = _at(price, "web_searches_kcount", start)
        yield Rates(
            above_input_tokens=start,
            service_tier=service_tier,
            input_rate=_nano(into),
            output_rate=_nano(out or Decimal(0)),
            web_search_rate=None if searches is None else _nano(searches, _NANO_PER_THOUSAND),
            **{
                name: None if (rate := _at(price, key, start)) is None else _nano(rate)
                for name, key in _OPTIONAL.items()
            },
        )


def _at(price: ModelPrice, key: str, tokens: int) -> Decimal | None:
    value: Any = getattr(price, key, None)
    if value is None or isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= tokens]
    return Decimal(reached[-1] if reached else value.base)


def _nano(dollars: Decimal, unit: Decimal = _NANO_PER_MILLION) -> int:
    return int((dollars * unit).to_integral_value())
