"""The operator's own model server (provider ``local``, ``LLM_SERVER_URL``) and what it serves."""

from __future__ import annotations

import time

from django.conf import settings

from providers import access, catalogue, keys
from providers.errors import ProviderUnavailable
from providers.models import Provider
from providers.types import Target
from providers.wires.openai import OpenAIWire
from providers.wires.registry import wire_named
from rini.storage.database import in_database

SLUG = "local"
REMEMBERED_SECONDS = 60.0
_served: dict[str, tuple[float, str]] = {}  # by address: when it was asked, its first model


def has_address() -> bool:
    """Whether there is such a server. Needs the database."""
    row = Provider.objects.filter(slug=SLUG, enabled=True).first()
    return row is not None and bool(access.address_of(row))


async def model() -> str | None:
    """The model to use there: ``LLM_MODEL``, else the first that it lists. None: no server.

    Raises `ProviderError` where the server does not say.
    """
    target = await in_database(_target)
    if target is None or settings.LLM_MODEL:
        return settings.LLM_MODEL if target else None
    asked, name = _served.get(target.base_url, (0.0, ""))
    if not name or time.monotonic() > asked + REMEMBERED_SECONDS:
        name = await _first_model(target)
        _served[target.base_url] = (time.monotonic(), name)
    return name


def _target() -> Target | None:
    if not has_address():
        return None
    row = Provider.objects.get(slug=SLUG)
    return catalogue.target_of(row, "", keys.operators_key(row))


async def _first_model(target: Target) -> str:
    wire = wire_named(target.wire)
    names = await wire.models(target) if isinstance(wire, OpenAIWire) else []
    if not names:
        raise ProviderUnavailable("The model server lists no model. Name one as LLM_MODEL.")
    return names[0]
