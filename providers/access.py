"""What a caller can use now: providers with an address and a key, models that its token is for."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from accounts import tokens
from accounts.authentication import Caller
from providers import keys, lending, served
from providers.models import ApiKey, Model, ModelKind, Provider, WireKind
from providers.offline import models as offline
from providers.types import Target
from providers.vendors import VENDORS

DEMO = "demo/demo"


def usable_models(caller: Caller) -> list[Model]:
    """The models that `caller` has a key and permission for, with their providers."""
    providers = list(Provider.objects.all())
    slugs = usable_providers(caller, providers)
    known = Model.objects.select_related("provider").filter(provider__in=slugs)
    names = {(row.provider_id, row.name) for row in known}
    served = [
        row
        for provider in providers
        if provider.slug in slugs
        for row in served_models(provider)
        if (row.provider_id, row.name) not in names
    ]
    rows = [*(row for row in known if row.enabled), *served]
    return [row for row in rows if allows(caller, row) and not missing_here(row)]


def served_models(provider: Provider) -> list[Model]:
    """The models that a server of one's own lists itself; none for a vendor."""
    return [unlisted(provider, name) for name in served.names(_server(provider))]


def served_name(provider: Provider, name: str) -> str:
    """The name of the model `name` at a server of one's own; empty where it lists none such."""
    return served.serves(_server(provider), name)


def is_own_server(provider: Provider) -> bool:
    """Whether a provider is a server of one's own, which may serve any model and lists it."""
    is_open = provider.any_model and not provider.only_listed
    return bool(is_open and not provider.needs_key and address_of(provider))


def takes_unlisted(caller: Caller, provider: Provider) -> bool:
    """Whether a model that the catalogue does not know may be asked of a provider: of one that
    takes any, and of a vendor that the caller has a key for, unless the operator has closed it.
    (Without a key a wrong name is told as such, and not by the vendor.)"""
    if provider.only_listed or not provider.has_address:
        return False
    return provider.any_model or bool(usable_providers(caller, [provider]))


def unlisted(provider: Provider, name: str, kind: str = "") -> Model:
    """A model that the catalogue does not know; what it can do its server decides."""
    is_embedding = "embed" in name.lower()
    usual = ModelKind.EMBEDDING if is_embedding else ModelKind.CHAT
    return Model(provider=provider, name=name, kind=kind or usual, vision=True, tools=True)


def _server(provider: Provider) -> Target:
    if not (provider.enabled and is_own_server(provider)):
        return Target(provider.slug, "", "", "")
    key = keys.operators_key(provider)
    return Target(provider.slug, provider.wire, "", address_of(provider), key)


def usable_providers(caller: Caller, rows: Iterable[Provider]) -> set[str]:
    """Of `rows` those that are enabled, have an address, and have a key if they need one."""
    own = set(
        ApiKey.objects.visible_to(caller.user)
        .filter(session_id=None)
        .values_list("provider_id", flat=True)
    )
    lent = lending.is_lent(caller.user)
    return {
        row.slug
        for row in rows
        if row.enabled
        and (not row.has_address or address_of(row))
        and (not row.needs_key or row.slug in own or (lent and keys.has_operators_key(row)))
    }


def usual_model(caller: Caller) -> str | None:
    """The model where neither a request nor the operator names one: a good and inexpensive one of
    the first vendor that the caller has a key for, else the demo's on an installation by itself."""
    slugs = usable_providers(caller, Provider.objects.all())
    names = [f"{row.slug}/{row.vision_model}" for row in VENDORS if row.vision_model]
    if settings.EMBEDDED_DATABASE:
        names.append(DEMO)
    usable = (name for name in names if name.partition("/")[0] in slugs)
    return next((n for n in usable if tokens.allows(caller.token, *n.split("/", 1))), None)


def usual_embedding_model(caller: Caller, provider: str | None) -> str | None:
    """The same for texts to embed, of a provider that is named or of the first that is usable."""
    slugs = usable_providers(caller, Provider.objects.all()) if provider is None else {provider}
    names = (f"{row.slug}/{row.embedding_model}" for row in VENDORS if row.embedding_model)
    usable = (name for name in names if name.partition("/")[0] in slugs)
    return next((n for n in usable if tokens.allows(caller.token, *n.split("/", 1))), None)


def needs_litellm() -> bool:
    """Whether some provider that has a key is spoken to through litellm."""
    rows = Provider.objects.filter(wire=WireKind.LITELLM, enabled=True)
    return any(
        keys.has_operators_key(row) or ApiKey.objects.filter(provider=row).exists() for row in rows
    )


def allows(caller: Caller, model: Model) -> bool:
    """Whether the caller's token is for the model."""
    return tokens.allows(caller.token, model.provider_id, model.name)


def missing_here(model: Model) -> str:
    """Why a model of Rini's own cannot run on this machine; empty for all others."""
    if model.provider.wire != WireKind.OFFLINE or model.name not in offline.MODELS:
        return ""
    return offline.missing(offline.MODELS[model.name])


def address_of(provider: Provider) -> str:
    """Where the provider is: by its row, the environment, or as usual; empty if nobody said."""
    by_environment: str = settings.PROVIDER_BASE_URLS.get(provider.slug.replace("-", "_"), "")
    return provider.base_url or by_environment or provider.default_base_url
