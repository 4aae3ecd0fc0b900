"""What a call costs: the price of its moment, and exact arithmetic with it.

Which row of the price table holds for a call:

1. Rows of the model's own name; if there are none yet at that moment, the provider's rows for every
   model, named ``*``. (The demo and the servers of one's own cost 0 that way, which is known;
   a vendor's model without a row has no known price.)
2. Of these the rows of the service tier that served it; if it has none, those of the standard one.
3. Of these the newest row in effect whose tier starts at 0, and the tiers not older than it: a new
   price takes the place of the old one with all its tiers. Of two that take effect at the same
   moment the one that was added later counts: so a wrong price is corrected.
4. Of these the highest tier that the call's input exceeds.

Rows are never edited, so each process may remember a provider's for `REMEMBERED_SECONDS`. A price
that takes effect at least so long after it was saved is charged from its exact moment by all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_save

from billing.models import Price
from billing.usage import Usage
from rini.storage.remembered import Remembered

REMEMBERED_SECONDS = 5.0
EVERY_MODEL = "*"
MILLION = 1_000_000
STANDARD_TIERS = ("", "auto", "default", "standard", "standard_only", "on_demand")
_ByModel = Mapping[str, Sequence[Price]]


class Line(NamedTuple):
    """A part of what a call costs: so many of `item` at a rate (nano-dollars per million)."""

    item: str
    quantity: int
    rate: int


def price_of(
    provider: str, model: str, at: datetime, input_tokens: int, service_tier: str = ""
) -> Price | None:
    """The row that a call at this moment, with that input, is charged by; None: it is unknown."""
    rows = prices_of(provider, model, at, service_tier)
    reached = [row for row in rows if row.above_input_tokens < max(input_tokens, 1)]
    return reached[-1] if reached else None


def prices_of(provider: str, model: str, at: datetime, service_tier: str = "") -> list[Price]:
    """The rows in effect at a moment: the one from 0 tokens on first, then its tiers upwards."""
    by_model = _rows(provider)
    for name in (model, EVERY_MODEL):
        rows = [row for row in by_model.get(name, ()) if row.effective_from <= at]
        for tier in (service_tier,) if service_tier in STANDARD_TIERS else (service_tier, ""):
            standard = tier in STANDARD_TIERS
            if found := _newest(r for r in rows if r.service_tier == ("" if standard else tier)):
                return found
    return []


def cost(usage: Usage, price: Price) -> int | None:
    """The cost in nano-dollars, rounded half up once; None where a direction was not counted."""
    if not usage.is_known:
        return None
    return _rounded(sum(line.quantity * line.rate for line in lines(usage, price)))


def lines(usage: Usage, price: Price) -> list[Line]:
    """What the cost is made of: every token once, at the rate of the narrowest thing that it is.

    A part without a rate of its own costs what it is part of: cached audio what cached input does,
    a cache write of an hour what other cache writes do, and each of these what plain input does.
    """
    plain, out = price.input_rate, price.output_rate
    cached_rate, write_rate = (
        _or(price.cached_input_rate, plain),
        _or(price.cache_write_rate, plain),
    )
    cached, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    cached_audio = min(usage.cached_audio_tokens or 0, cached)
    an_hour = min(usage.cache_write_1h_tokens or 0, written)
    audio = (usage.input_audio_tokens or 0) - cached_audio
    return [
        *_shared_out(
            usage.input_tokens or 0,
            Line("cached audio input", cached_audio, _or(price.cached_audio_rate, cached_rate)),
            Line("cached input", cached - cached_audio, cached_rate),
            Line("cache write, 1 hour", an_hour, _or(price.cache_write_1h_rate, write_rate)),
            Line("cache write", written - an_hour, write_rate),
            Line("audio input", audio, _or(price.input_audio_rate, plain)),
            Line("image input", usage.input_image_tokens or 0, _or(price.input_image_rate, plain)),
            rest=Line("input", 0, plain),
        ),
        *_shared_out(
            usage.output_tokens or 0,
            Line("audio output", usage.output_audio_tokens or 0, _or(price.output_audio_rate, out)),
            Line("image output", usage.output_image_tokens or 0, _or(price.output_image_rate, out)),
            rest=Line("output", 0, out),
        ),
        *_shared_out(
            usage.web_searches or 0, rest=Line("web search", 0, price.web_search_rate or 0)
        ),
    ]


def itemised(usage: Usage, price: Price) -> list[tuple[Line, int]]:
    """The lines, each with its share of the cost; the shares add up to it exactly."""
    items, exact = [], 0
    for line in lines(usage, price):
        before = _rounded(exact)
        exact += line.quantity * line.rate
        items.append((line, _rounded(exact) - before))
    return items


def bound(provider: str, model: str, at: datetime, into: int, out: int) -> int:
    """The most that a call with so much input, and at most so much output, may cost.

    Of all rows in effect, those of other service tiers too, each direction at its dearest rate;
    for a model without a price, as `assumed` says.
    """
    by_model = _rows(provider)
    rows = by_model.get(model) or by_model.get(EVERY_MODEL) or ()
    tiers = {row.service_tier for row in rows} | {""}
    found = [row for tier in tiers for row in prices_of(provider, model, at, tier)]
    found = [row for row in found if row.above_input_tokens < max(into, 1)]
    if not found:
        return assumed(Usage(input_tokens=into, output_tokens=out))
    dearest_input = max(max(_input_rates(row)) for row in found)
    dearest_output = max(max(_output_rates(row)) for row in found)
    return _rounded(into * dearest_input + out * dearest_output)


def is_billed(provider: str, model: str, at: datetime) -> bool:
    """Whether output of a model costs something, or is taken to where its price is unknown."""
    return bound(provider, model, at, 0, MILLION) > 0


def tiers(provider: str, model: str, at: datetime) -> frozenset[str]:
    """The service tiers of a model that have a price of their own at a moment."""
    by_model = _rows(provider)
    rows = by_model.get(model) or by_model.get(EVERY_MODEL) or ()
    return frozenset(r.service_tier for r in rows if r.service_tier and r.effective_from <= at)


def assumed(usage: Usage) -> int:
    """What a call without a known price is taken to cost where a budget has to know."""
    into = (usage.input_tokens or 0) * settings.UNKNOWN_PRICE_INPUT_RATE
    out = (usage.output_tokens or 0) * settings.UNKNOWN_PRICE_OUTPUT_RATE
    return _rounded(into + out)


def forget(**_: Any) -> None:
    """Have this process read the price table anew, once its own change is committed."""
    transaction.on_commit(_rows.forget)


post_save.connect(forget, sender=Price, dispatch_uid="billing.pricing.saved")


def _shared_out(total: int, *parts: Line, rest: Line) -> Iterator[Line]:
    """Share `total` out to the parts in their order, no more than there is, then to the rest."""
    for part in parts:
        quantity = min(part.quantity, total)
        if quantity > 0:
            yield part._replace(quantity=quantity)
            total -= quantity
    if total > 0:
        yield rest._replace(quantity=total)


def _or(rate: int | None, otherwise: int) -> int:
    return otherwise if rate is None else rate


def _rounded(millionths: int) -> int:
    return (2 * millionths + MILLION) // (2 * MILLION)


def _input_rates(row: Price) -> list[int]:
    rates = (
        *(row.input_rate, row.cache_write_rate, row.cache_write_1h_rate),
        *(row.input_audio_rate, row.input_image_rate),
    )
    return [rate for rate in rates if rate is not None]


def _output_rates(row: Price) -> list[int]:
    rates = (row.output_rate, row.output_audio_rate, row.output_image_rate)
    return [rate for rate in rates if rate is not None]


def _newest(candidates: Iterator[Price]) -> list[Price]:
    rows = sorted(candidates, key=_age)
    since = max((_age(row) for row in rows if row.above_input_tokens == 0), default=None)
    newest = {row.above_input_tokens: row for row in rows if since is None or _age(row) >= since}
    return [newest[tier] for tier in sorted(newest)]


def _age(row: Price) -> tuple[datetime, datetime]:
    return row.effective_from, row.created_at


def _ask_rows(provider: str) -> _ByModel:
    grouped = defaultdict(list)
    for row in Price.objects.filter(provider=provider):
        grouped[row.model].append(row)
    return grouped


_rows = Remembered(_ask_rows, seconds=REMEMBERED_SECONDS)
