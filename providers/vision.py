"""Which model looks at an image where the caller names a provider and no model."""

from __future__ import annotations

from django.conf import settings

from accounts.authentication import Caller
from providers import access
from providers.catalogue import Route
from providers.models import Model, ModelKind
from providers.naming import find_provider, invalid
from providers.vendors import vendor
from rini.errors import Forbidden
from rini.translation import gettext as _


def usual_model(caller: Caller, provider: str) -> str:
    """The name of a model of `provider` that sees images and that the caller's token is for.

    It is the default model, the usual one, or the first in the catalogue. Raises `InvalidInput`,
    and `Forbidden` where the token is for none of them.
    """
    row = find_provider(provider)
    if row.any_model and settings.LLM_MODEL and provider == "local":
        return str(settings.LLM_MODEL)
    seeing = list(row.models.filter(kind=ModelKind.CHAT, vision=True, enabled=True).order_by("id"))
    if not seeing:
        message = _(
            "%(provider)s has no model in the catalogue that sees images. Name a model."
        ) % {"provider": provider}
        raise invalid("model", "model_without_vision", message)
    allowed = [model for model in seeing if access.allows(caller, model)]
    if not allowed:
        raise Forbidden(
            _("This API token is for no model of %(provider)s that sees images.")
            % {"provider": provider}
        )
    return min(allowed, key=_rank).name


def check(route: Route) -> None:
    """Raise `InvalidInput` for a model that sees no images."""
    if not route.vision:
        name = f"{route.target.provider}/{route.target.model}"
        message = _(
            "%(model)s sees no images. GET /llm/models says which models do (`vision`)."
        ) % {"model": name}
        raise invalid("model", "model_without_vision", message)


def _rank(model: Model) -> int:
    return 0 if str(model) == settings.DEFAULT_MODEL else 1 if _is_usual(model) else 2


def _is_usual(model: Model) -> bool:
    return vendor(model.provider_id).vision_model == model.name
