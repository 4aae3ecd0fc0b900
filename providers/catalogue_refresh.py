"""Bring the catalogue and the price table up to what Rini knows.

Rows are added and corrected, never deleted. What the operator has set stays: providers that exist,
models that were edited, and prices of models for which the operator has given one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from billing import pricing
from billing.models import Price
from providers import seeds
from providers.models import Model, Provider
from providers.price_rows import NAMES, Rates
from providers.seeds import SeedModel
from rini.money import dollars

OPERATOR = "operator"
_FACTS = ("kind", "context_window", "max_output_tokens", "dimensions", "vision", "tools")


@dataclass
class Changes:
    """What a refresh changes; `lines` describes it, one line for each change."""

    providers: list[Provider] = field(default_factory=list)
    new_models: list[Model] = field(default_factory=list)
    changed_models: list[Model] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def seed() -> None:
    """Fill an empty catalogue; do nothing to one that has a provider."""
    if not Provider.objects.exists():
        apply(planned())


def planned() -> Changes:
    """What `apply` would do now."""
    changes = Changes()
    _plan_providers(changes)
    _plan_models(changes)
    _plan_prices(changes)
    return changes


@transaction.atomic
def apply(changes: Changes) -> None:
    Provider.objects.bulk_create(changes.providers, ignore_conflicts=True)
    Model.objects.bulk_create(changes.new_models, ignore_conflicts=True)
    Model.objects.bulk_update(changes.changed_models, _FACTS, batch_size=200)
    Price.objects.bulk_create(changes.prices, ignore_conflicts=True)
    pricing.forget()


def _plan_providers(changes: Changes) -> None:
    known = set(Provider.objects.values_list("slug", flat=True))
    changes.providers = [row for row in seeds.providers() if row.slug not in known]
    changes.lines += [f"+ provider {row.slug} ({row.name})" for row in changes.providers]


def _plan_models(changes: Changes) -> None:
    known = {(row.provider_id, row.name): row for row in Model.objects.all()}
    for model in seeds.models():
        row = known.get((model.provider, model.name))
        if row is None:
            facts = {name: getattr(model, name) for name in _FACTS}
            row = Model(provider_id=model.provider, name=model.name, **facts)
            changes.new_models.append(row)
            changes.lines.append(f"+ model {row}")
        elif differences := list(_differences(row, model)):
            told = ", ".join(f"{name} {old} → {new}" for name, old, new in differences)
            if row.edited:
                changes.lines.append(f"= model {row} was edited by hand, so it stays ({told})")
                continue
            for name, _, new in differences:
                setattr(row, name, new)
            changes.changed_models.append(row)
            changes.lines.append(f"~ model {row}: {told}")


def _differences(row: Model, model: SeedModel) -> Iterator[tuple[str, object, object]]:
    for name in _FACTS:
        old, new = getattr(row, name), getattr(model, name)
        if old != new:
            yield name, old, new


def _plan_prices(changes: Changes) -> None:
    history: dict[tuple[str, str], list[Price]] = {}
    for row in Price.objects.order_by("effective_from", "above_input_tokens"):
        history.setdefault((row.provider, row.model), []).append(row)
    now = timezone.now()
    for (provider, model), (rates, source) in seeds.prices().items():
        rows = history.get((provider, model), [])
        if _newest_seeded(rows) == set(rates):
            continue
        name = f"{provider}/{model}"
        if any(row.source == OPERATOR for row in rows):
            changes.lines.append(f"= price {name} is the operator's, so it stays")
            continue
        since = _effective_from(now, rows)
        for rate in rates:
            changes.prices.append(_price(provider, model, since, rate, source))
            changes.lines.append(f"{'~' if rows else '+'} price {name}: {_told(rate)}")


def _newest_seeded(rows: list[Price]) -> set[Rates]:
    seeded = [row for row in rows if row.source != OPERATOR]
    newest = max((row.effective_from for row in seeded), default=None)
    return {
        Rates(**{name: getattr(row, name) for name in NAMES})
        for row in seeded
        if row.effective_from == newest
    }


def _effective_from(now: datetime, rows: list[Price]) -> datetime:
    """A first price holds at once; a later one when every process has heard of it."""
    return now + timedelta(seconds=pricing.REMEMBERED_SECONDS) if rows else now


def _price(provider: str, model: str, since: datetime, rate: Rates, source: str) -> Price:
    return Price(
        provider=provider,
        model=model,
        effective_from=since,
        **asdict(rate),
        source=source,
    )


def _told(rate: Rates) -> str:
    tier = f" above {rate.above_input_tokens} input tokens" if rate.above_input_tokens else ""
    tier += f" ({rate.service_tier})" if rate.service_tier else ""
    return f"${dollars(rate.input_rate)} in, ${dollars(rate.output_rate)} out per million{tier}"
