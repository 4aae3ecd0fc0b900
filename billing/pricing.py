"""What a call costs: the price of its moment, and exact arithmetic with it.

Which row of the price table holds for a call:

1. Rows of the model's own name; if there are none yet at that moment, the provider's rows for every
   model, named ``*``. (The demo and the servers of one's own cost 0 that way, which is known;
   a vendor's model without a row has no known price.)
2. Of these the newest row in effect whose tier starts at 0, and the tiers not older than it: a new
   price takes the place of the old one with all its tiers.
3. Of these the highest tier that the call's input exceeds.

Rows are never edited, so each process may remember a provider's for `REMEMBERED_SECONDS`. A price
that takes effect at least so long after it was saved is charged from its exact moment by all.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from billing.models import Price
from billing.usage import Usage

REMEMBERED_SECONDS = 5.0
EVERY_MODEL = "*"
MILLION = 1_000_000
_ByModel = Mapping[str, Sequence[Price]]
_remembered: dict[str, tuple[float, _ByModel]] = {}


def price_of(provider: str, model: str, at: datetime, input_tokens: int) -> Price | None:
    """The row that a call at this moment, with that input, is charged by; None: it is unknown."""
    rows = prices_of(provider, model, at)
    reached = [row for row in rows if row.above_input_tokens < max(input_tokens, 1)]
    return reached[-1] if reached else None


def prices_of(provider: str, model: str, at: datetime) -> list[Price]:
    """The rows in effect at a moment: the one from 0 tokens on first, then its tiers upwards."""
    by_model = _rows(provider)
    return _in_effect(by_model.get(model, ()), at) or _in_effect(by_model.get(EVERY_MODEL, ()), at)


def cost(usage: Usage, price: Price) -> int | None:
    """The cost in nano-dollars, rounded half up once; None where a direction was not counted.

    Cached reads and cache writes are parts of the input (see `billing.usage`); where their rate
    is not known, they cost what other input costs.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    cached = usage.cached_input_tokens or 0
    written = usage.cache_write_tokens or 0
    plain = max(0, usage.input_tokens - cached - written)
    total = (
        plain * price.input_rate
        + cached * _or(price.cached_input_rate, price.input_rate)
        + written * _or(price.cache_write_rate, price.input_rate)
        + usage.output_tokens * price.output_rate
    )
    return (2 * total + MILLION) // (2 * MILLION)


def forget(**_: Any) -> None:
    """Have this process read the price table anew, once its own change is committed."""
    transaction.on_commit(_remembered.clear)


post_save.connect(forget, sender=Price, dispatch_uid="billing.pricing.saved")
post_delete.connect(forget, sender=Price, dispatch_uid="billing.pricing.deleted")


def _or(rate: int | None, otherwise: int) -> int:
    return otherwise if rate is None else rate


def _in_effect(rows: Sequence[Price], at: datetime) -> list[Price]:
    rows = [row for row in rows if row.effective_from <= at]
    since = max((row.effective_from for row in rows if row.above_input_tokens == 0), default=None)
    newest: dict[int, Price] = {}
    for row in sorted(rows, key=lambda row: row.effective_from):
        if since is None or row.effective_from >= since:
            newest[row.above_input_tokens] = row
    return [newest[tier] for tier in sorted(newest)]


def _rows(provider: str) -> _ByModel:
    now = time.monotonic()
    read_at, by_model = _remembered.get(provider, (float("-inf"), {}))
    if now - read_at < REMEMBERED_SECONDS:
        return by_model
    grouped = defaultdict(list)
    for row in Price.objects.filter(provider=provider):
        grouped[row.model].append(row)
    _remembered[provider] = (now, grouped)
    return grouped
