"""Whether what the operator set up can be reached: asked by a call that costs nothing.

Health checks ask often, so an answer is remembered for a while, a bad one too.
"""

from __future__ import annotations

import asyncio

from django.conf import settings

from providers import catalogue, keys
from providers.errors import ProviderError
from providers.models import Model, Provider
from providers.types import Target
from providers.vendors import VENDORS, vendor
from providers.wires.registry import wire_named
from rini.errors import RiniError
from rini.storage.database import in_database
from rini.storage.remembered import RememberedAsync

REMEMBERED_SECONDS = 10.0
PATIENCE_SECONDS = 3.0


def default_provider() -> str:
    """The provider of ``DEFAULT_MODEL``; without one the first that the operator has a key for, or
    the demo's on an installation by itself, or OpenAI. Needs the database."""
    name: str = settings.DEFAULT_MODEL
    if not name:
        return _first_provider()
    slug = name.partition("/")[0]
    if Provider.objects.filter(slug=slug).exists():
        return slug
    row = Model.objects.filter(name=name).first()
    return row.provider_id if row else "openai"


def _first_provider() -> str:
    rows = {row.slug: row for row in Provider.objects.filter(enabled=True)}
    for row in VENDORS:
        if row.vision_model and row.slug in rows and keys.has_operators_key(rows[row.slug]):
            return row.slug
    return "demo" if settings.EMBEDDED_DATABASE else "openai"


async def answers(slug: str) -> bool:
    """As `is_reachable`, asked anew."""
    target = await in_database(_operators_target, slug)
    if target is None:
        return False
    if not vendor(slug).free_check:
        return True  # as far as can be told without paying
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await wire_named(target.wire).verify(target)
    except (ProviderError, TimeoutError):
        return False
    return True


def _operators_target(slug: str) -> Target | None:
    row = Provider.objects.filter(slug=slug, enabled=True).first()
    if row is None or (row.needs_key and not keys.has_operators_key(row)):
        return None
    try:
        return catalogue.target_of(row, "", keys.operators_key(row))
    except RiniError:  # it has no address, or its key cannot be opened
        return None


is_reachable = RememberedAsync(answers, seconds=REMEMBERED_SECONDS)
"""Whether the provider of that slug takes the operator's key, or answers without one if it needs
none. Raises `Unavailable` where the database cannot be reached."""
