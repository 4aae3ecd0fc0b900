"""The keys that open providers: how they are stored, and which one a call uses.

A call uses the first of these that there is:

1. the key of its conversation, which serves that one alone
2. the user's newest key for the provider
3. the operator's, if it is lent to this caller (`providers.lending`): set in the admin, else
   ``<PROVIDER>_API_KEY`` in the environment. Several, with commas between them, take turns; what
   one of them is refused the next is asked (`providers.fallbacks`)

A key that cannot be opened is an error, not a reason to go on: the next may be somebody else's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import count
from uuid import UUID

from django.conf import settings

from accounts.models import User
from providers import lending
from providers.errors import ProviderKeyMissing
from providers.models import ApiKey, Provider
from rini.secrets import sealed
from rini.secrets.secret import Secret
from rini.storage import last_used
from rini.storage.statements import names, selected
from rini.translation import gettext as _

_turns: defaultdict[str, Iterator[int]] = defaultdict(count)
"""How many calls have begun with a key of the operator's, by the provider."""
_KEY = f"""
    SELECT {names(ApiKey)} FROM providers_apikey
    WHERE user_id = %s AND provider_id = %s AND (session_id IS NULL OR session_id = %s)
    ORDER BY session_id DESC NULLS LAST, created_at DESC, id DESC LIMIT 1
"""  # noqa: S608  # names of columns


def store(
    user: User,
    provider: Provider,
    value: Secret,
    *,
    description: str = "",
    session_id: UUID | None = None,
) -> ApiKey:
    """Keep a user's key; with a session it serves that conversation alone."""
    key = ApiKey(user=user, provider=provider, description=description, session_id=session_id)
    _put(key, value)
    key.save(force_insert=True)
    return key


def change(key: ApiKey, *, description: str | None = None, value: Secret | None = None) -> None:
    """Change what is given of a stored key."""
    if description is not None:
        key.description = description
    if value is not None:
        _put(key, value)
    key.save()


def forget(session_ids: Collection[UUID]) -> None:
    """Delete the keys of these conversations."""
    ApiKey.objects.filter(session_id__in=session_ids).delete()


def keys_for(user: User, provider: Provider, session_id: UUID | None = None) -> list[Secret]:
    """The keys that a call of `user` uses, the one whose turn it is first; none where the provider
    needs none and there is none.

    Raises `ProviderKeyMissing`, `Forbidden` where there is the operator's and it is not lent, and
    `rini.secrets.crypto.SealBroken`.
    """
    key = next(iter(selected(ApiKey, _KEY, [user.pk, provider.pk, session_id])), None)
    if key is not None:
        last_used.note(key)
        own = sealed.take(key, "sealed")
        return [own] if own else []
    operators = operators_keys(provider)
    if not operators and provider.needs_key:
        raise ProviderKeyMissing(
            _(
                "There is no key for %(provider)s. Add yours with POST /api-keys/ "
                '{"model_provider": "%(provider)s", "api_key_value": "…"}, or have the operator '
                "set %(variable)s."
            )
            % {"provider": provider.slug, "variable": variable(provider.slug, "API_KEY")}
        )
    if operators:
        lending.check(user, provider.slug)
    begin = next(_turns[provider.slug]) % len(operators) if operators else 0
    return operators[begin:] + operators[:begin]


def operators_keys(provider: Provider) -> list[Secret]:
    """The keys that the operator lends to everybody. Raises `rini.secrets.crypto.SealBroken`."""
    lent = sealed.take(provider, "sealed_key") or lent_by_environment(provider)
    return lent.parts() if lent else []


def operators_key(provider: Provider) -> Secret | None:
    """The first of them, for what is not a user's call."""
    return next(iter(operators_keys(provider)), None)


def lent_by_environment(provider: Provider) -> Secret | None:
    return settings.PROVIDER_API_KEYS.get(provider.slug.replace("-", "_"))


def has_operators_key(provider: Provider) -> bool:
    return provider.sealed_key is not None or lent_by_environment(provider) is not None


def variable(slug: str, ending: str) -> str:
    """The environment variable for a provider: ``OPENAI_API_KEY``."""
    return f"{slug.replace('-', '_').upper()}_{ending}"


def _put(key: ApiKey, value: Secret) -> None:
    sealed.put(key, "sealed", value)
    key.last4 = value.last4
