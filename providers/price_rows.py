"""A row of the price table without its moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-dollars per million tokens (or searches), for calls with more input than that; None:
    as what the part belongs to (see `billing.pricing`)."""

    above_input_tokens: int
    input_rate: int
    output_rate: int
    cached_input_rate: int | None = None
    cache_write_rate: int | None = None
    cache_write_1h_rate: int | None = None
    input_audio_rate: int | None = None
    cached_audio_rate: int | None = None
    output_audio_rate: int | None = None
    input_image_rate: int | None = None
    output_image_rate: int | None = None
    web_search_rate: int | None = None
    service_tier: str = ""


NAMES = tuple(Rates.__dataclass_fields__)
FREE = (Rates(0, 0, 0),)
