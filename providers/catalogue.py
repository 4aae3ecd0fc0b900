"""Where a call goes: the model that a caller named, its provider's address and the key for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from accounts.authentication import Caller
from billing import pricing
from providers import access, breaker, keys
from providers.models import Model, ModelKind, Provider
from providers.naming import find_model, invalid
from providers.types import Target
from rini.errors import Forbidden, InvalidInput, RiniError
from rini.secrets.secret import Secret
from rini.translation import gettext as _

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes, and what is known of the model there (sizes in tokens, None: unknown).

    A model that the catalogue does not list may see images and call tools: its server decides.
    """

    target: Target
    context_window: int | None
    max_output_tokens: int | None
    dimensions: int | None
    vision: bool
    tools: bool
    fallbacks: tuple[Target, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """Where it goes, in the order in which they are asked (see `providers.fallbacks`)."""
        return (self.target, *self.fallbacks)


def resolve(
    caller: Caller,
    *,
    provider: str | None,
    model: str | None,
    kind: str = ModelKind.CHAT,
    session_id: UUID | None = None,
    usual: str | None = None,
    fallbacks: Sequence[str] | None = None,
) -> Route:
    """The route for what a caller named (see `providers.naming`); a session may have its own key.

    Where neither a provider nor a model is named it is the `usual` model, else the default one,
    else what there is a key for (`access.usual_model`). `fallbacks` are those that a caller names;
    None: the operator's.
    Raises `InvalidInput` with a message on the field ``provider`` or ``model``, `Forbidden` for a
    model that the caller's token is not for, `ProviderKeyMissing`, and `SealBroken`.
    """
    if model is None and provider is None:
        model = usual or settings.DEFAULT_MODEL or access.usual_model(caller)
    if not model:
        raise invalid("model", "invalid_input", _("Name a model, “provider/model” for instance."))
    row = find_model(caller, provider, model, kind)
    target, *with_other_keys = _targets(caller, row, kind, session_id)
    others = _fallbacks(caller, row, fallbacks, session_id)
    return Route(
        target=target,
        context_window=row.context_window,
        max_output_tokens=row.max_output_tokens,
        dimensions=row.dimensions,
        vision=row.vision,
        tools=row.tools,
        fallbacks=(*with_other_keys, *others),
    )


def _targets(caller: Caller, row: Model, kind: str, session_id: UUID | None) -> list[Target]:
    """The model with each of its keys, those last that their vendor has just refused."""
    _check(caller, row, kind)
    now = timezone.now()
    found = keys.keys_for(caller.user, row.provider, session_id)
    first = replace(
        target_of(row.provider, row.name, found[0] if found else None),
        max_output_tokens=row.max_output_tokens,
        context_window=row.context_window,
        is_billed=pricing.is_billed(row.provider_id, row.name, now),
        priced_tiers=pricing.tiers(row.provider_id, row.name, now),
    )
    if len(found) < 2:
        return [first]
    return sorted((replace(first, api_key=key) for key in found), key=breaker.seems_open)


def _fallbacks(
    caller: Caller, first: Model, named: Sequence[str] | None, session_id: UUID | None
) -> Iterator[Target]:
    """What a caller names has to be right; of the operator's, those that the caller can use."""
    known = {str(first)}
    for place, name in enumerate(first.fallbacks if named is None else named):
        try:
            row = find_model(caller, None, name, ModelKind.CHAT)
            if str(row) not in known:
                known.add(str(row))
                yield from _targets(caller, row, ModelKind.CHAT, session_id)
        except InvalidInput as error:
            if named is not None:
                raise invalid(f"fallbacks[{place}]", error.code, error.detail) from None
            log.warning("a fallback cannot be used", model=str(first), fallback=name)
        except RiniError:
            if named is not None:
                raise


def target_of(provider: Provider, model: str, key: Secret | None) -> Target:
    """What a wire needs to call a provider. Raises `InvalidInput` where it has no address."""
    address = access.address_of(provider)
    if not address and provider.has_address:
        is_local = provider.slug == "local"
        variable = "LLM_SERVER_URL" if is_local else keys.variable(provider.slug, "BASE_URL")
        message = _(
            "%(provider)s has no address. The operator gives it one in the admin, or as "
            "%(variable)s in the environment."
        ) % {"provider": provider.slug, "variable": variable}
        raise invalid("provider", "provider_without_address", message)
    return Target(
        provider=provider.slug,
        wire=provider.wire,
        model=model,
        base_url=address,
        api_key=key,
        litellm_prefix=provider.litellm_prefix,
    )


def _check(caller: Caller, row: Model, kind: str) -> None:
    if not row.provider.enabled:
        message = _("The operator has disabled %(provider)s.") % {"provider": row.provider_id}
        raise invalid("provider", "provider_disabled", message)
    if not row.enabled:
        raise invalid(
            "model", "model_disabled", _("The operator has disabled %(model)s.") % {"model": row}
        )
    if row.kind != kind:
        raise invalid(
            "model",
            "model_wrong_kind",
            _("%(model)s is for %(kind)s, not for %(wanted)s.")
            % {"model": row, "kind": ModelKind(row.kind).label, "wanted": ModelKind(kind).label},
        )
    if lacking := access.missing_here(row):
        raise invalid("model", "model_not_installed", lacking)
    if caller.token and not access.allows(caller, row):
        allowed = ", ".join(caller.token.allowed_models or ())
        raise Forbidden(
            _("This API token is not for %(row)s; it is for %(allowed)s.")
            % {"row": row, "allowed": allowed}
        )
