"""The providers and models that a new installation begins with.

What models cost comes from `providers.genai`. What they can do, and what they cost where that has
no price, comes from the table that litellm ships,
``model_prices_and_context_window_backup.json``: an object by model name with ``litellm_provider``,
``mode``, ``max_input_tokens``, ``max_output_tokens``, ``supports_…``, and dollars per token as
``input_cost_per_token``, ``cache_read_input_token_cost`` … and the same with
``_above_200k_tokens``. It is read as a file: importing litellm costs seconds and 170 MB.

Zhipu's prices are those of its international platform (z.ai): bigmodel.cn bills in yuan.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from billing.pricing import EVERY_MODEL
from providers import genai
from providers.models import ModelKind, Provider
from providers.offline.models import MODELS as OFFLINE_MODELS
from providers.price_rows import FREE, Rates
from providers.vendors import VENDORS

TABLE = "model_prices_and_context_window_backup.json"
OWN_SOURCE = "rini"
RATES_UNIT = 10**15
"""Nano-dollars per million tokens in a dollar per token."""

_SLUGS = {vendor.litellm_table: vendor.slug for vendor in VENDORS if vendor.litellm_table}
# Entries of mode "chat" that are no chat models of text, or are billed by more than tokens.
_OTHER_THINGS = re.compile(
    r"^ft:|audio|search|realtime|tts|lyria|deep-research|computer-use|guard|robotics|omni|container"
)
_DIMENSIONS = {  # the table has none for these
    "mistral-embed": 1024,
    "mistral-embed-2312": 1024,
    "codestral-embed": 1536,
    "codestral-embed-2505": 1536,
    "text-embedding-ada-002-v2": 1536,
}


@dataclass(frozen=True, slots=True)
class SeedModel:
    """A model as the catalogue should have it. No `rates`: its price is not known."""

    provider: str
    name: str
    kind: ModelKind = ModelKind.CHAT
    context_window: int | None = None
    max_output_tokens: int | None = None
    dimensions: int | None = None
    vision: bool = False
    tools: bool = False
    rates: tuple[Rates, ...] = ()
    source: str = OWN_SOURCE


_OWN_MODELS = (
    SeedModel("demo", "demo", context_window=32_000, max_output_tokens=4_096, tools=False),
    *(
        SeedModel(
            "offline",
            model.name,
            ModelKind.EMBEDDING,
            context_window=model.max_tokens,
            dimensions=model.dimensions,
        )
        for model in OFFLINE_MODELS.values()
    ),
    SeedModel("openrouter", "openrouter/auto", vision=True, tools=True),
    SeedModel("zhipu", "embedding-3", ModelKind.EMBEDDING, 8_192, dimensions=2_048),
    SeedModel("zhipu", "embedding-2", ModelKind.EMBEDDING, 8_192, dimensions=1_024),
    SeedModel("zhipu", "glm-4", ModelKind.CHAT, 128_000, 4_095, tools=True),
    SeedModel("zhipu", "glm-4-air", ModelKind.CHAT, 128_000, 4_095, tools=True),
    SeedModel("zhipu", "glm-4-flash", ModelKind.CHAT, 128_000, 16_384, tools=True, rates=FREE),
    SeedModel("zhipu", "glm-4-long", ModelKind.CHAT, 1_000_000, 4_095, tools=True),
    SeedModel("zhipu", "glm-4-plus", ModelKind.CHAT, 128_000, 4_095, tools=True),
    SeedModel("zhipu", "glm-4v-plus", ModelKind.CHAT, 16_000, 1_024, vision=True),
)


def providers() -> list[Provider]:
    """Every provider, unsaved."""
    return [
        Provider(
            slug=vendor.slug,
            name=vendor.name,
            wire=vendor.wire,
            litellm_prefix=vendor.litellm_prefix,
            default_base_url=vendor.address,
            needs_key=vendor.needs_key,
            any_model=vendor.any_model,
        )
        for vendor in VENDORS
    ]


def models() -> list[SeedModel]:
    """Every model, each once."""
    found = {(model.provider, model.name): model for model in _from_table(_table())}
    every = {(model.provider, model.name): model for model in _OWN_MODELS} | found
    return [_with_maintained_rates(model) for model in every.values()]


def _with_maintained_rates(model: SeedModel) -> SeedModel:
    puts_out = model.kind == ModelKind.CHAT
    rates = genai.rates_of(model.provider, model.name, puts_out=puts_out)
    return replace(model, rates=rates, source=genai.source()) if rates else model


def prices() -> dict[tuple[str, str], tuple[tuple[Rates, ...], str]]:
    """The rates, and where they are from, by provider and model."""
    every = {(vendor.slug, EVERY_MODEL): (FREE, OWN_SOURCE) for vendor in VENDORS if vendor.is_free}
    listed = {(slug, name): (rates, genai.source()) for slug, name, rates in genai.whole_table()}
    return (
        every
        | listed
        | {
            (model.provider, model.name): (model.rates, model.source)
            for model in models()
            if model.rates
        }
    )


def rate(dollars_per_token: float) -> int:
    """A JSON number of the table as an exact rate: 1.5e-07 is 150,000,000."""
    exact = Decimal(str(dollars_per_token)) * RATES_UNIT
    return int(exact.to_integral_value())


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("litellm is not installed: install requirements.txt")
    table: dict[str, dict[str, Any]] = orjson.loads(Path(spec.origin).with_name(TABLE).read_bytes())
    return table


def _from_table(table: Mapping[str, Mapping[str, Any]]) -> Iterator[SeedModel]:
    """Bare names first: of ``deepseek-chat`` and ``deepseek/deepseek-chat`` the second counts."""
    source = f"litellm {version('litellm')}"
    for key in sorted(table, key=lambda key: "/" in key):
        entry = table[key]
        slug = _SLUGS.get(entry.get("litellm_provider", ""))
        if slug is not None and _is_for_text(key, entry):
            yield SeedModel(
                provider=slug,
                name=key.removeprefix(f"{entry['litellm_provider']}/"),
                kind=ModelKind(entry["mode"]),
                context_window=entry["max_input_tokens"],
                max_output_tokens=entry.get("max_output_tokens"),
                dimensions=entry.get("output_vector_size") or _DIMENSIONS.get(key.split("/")[-1]),
                vision=bool(entry.get("supports_vision")),
                tools=bool(entry.get("supports_function_calling")),
                rates=tuple(_rates(entry)),
                source=source,
            )


def _is_for_text(key: str, entry: Mapping[str, Any]) -> bool:
    if entry.get("mode") not in ModelKind.values or not entry.get("max_input_tokens"):
        return False
    if entry["mode"] == ModelKind.EMBEDDING:
        return True
    endpoints = entry.get("supported_endpoints") or ["/v1/chat/completions"]
    return "/v1/chat/completions" in endpoints and not _OTHER_THINGS.search(key)


def _rates(entry: Mapping[str, Any]) -> Iterator[Rates]:
    """The price from 0 tokens on and its tiers. A missing output price is one only for chat."""
    names = (re.fullmatch(r"input_cost_per_token_above_(\d+)k_tokens", name) for name in entry)
    tiers = sorted(int(name[1]) for name in names if name)
    for thousands in (0, *tiers):
        suffix = f"_above_{thousands}k_tokens" if thousands else ""
        into = entry.get(f"input_cost_per_token{suffix}")
        out = entry.get(f"output_cost_per_token{suffix}")
        if out is None and entry["mode"] == ModelKind.EMBEDDING:
            out = 0
        if into is None or out is None:
            return
        yield Rates(
            above_input_tokens=thousands * 1000,
            input_rate=rate(into),
            output_rate=rate(out),
            cached_input_rate=_optional(entry.get(f"cache_read_input_token_cost{suffix}")),
            # 0 says that storing is free: what was written was still read, as input.
            cache_write_rate=_optional(
                entry.get(f"cache_creation_input_token_cost{suffix}") or None
            ),
        )


def _optional(dollars_per_token: float | None) -> int | None:
    return None if dollars_per_token is None else rate(dollars_per_token)
