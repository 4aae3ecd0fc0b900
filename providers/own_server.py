"""The operator's own model server (provider ``local``, ``LLM_SERVER_URL``) and what it serves."""

from __future__ import annotations

from django.conf import settings

from providers import access, catalogue, keys
from providers.errors import ProviderUnavailable
from providers.models import Provider
from providers.types import Target
from providers.wires.openai import OpenAIWire
from providers.wires.registry import wire_named
from rini.storage.database import in_database
from rini.storage.remembered import RememberedAsync
from rini.translation import gettext as _

SLUG = "local"
REMEMBERED_SECONDS = 60.0


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
    return await _first_model(target.base_url)


def _target() -> Target | None:
    if not has_address():
        return None
    row = Provider.objects.get(slug=SLUG)
    return catalogue.target_of(row, "", keys.operators_key(row))


async def _ask_first_model(address: str) -> str:
    target = await in_database(_target)
    wire = wire_named(target.wire) if target else None
    names = await wire.models(target) if target and isinstance(wire, OpenAIWire) else []
    if not names:
        raise ProviderUnavailable(_("The model server lists no model. Name one in LLM_MODEL."))
    return names[0]


_first_model = RememberedAsync(_ask_first_model, seconds=REMEMBERED_SECONDS)
