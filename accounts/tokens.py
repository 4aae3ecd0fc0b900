"""API tokens: secrets that programs keep, and what each of them allows.

A secret is ``rini-`` and 43 URL-safe characters (256 random bits). It is shown once, by `create`
or `rotate`; the table holds its SHA-256 digest.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiToken, FormerSecret, User
from rini.secrets.secret import Secret

PREFIX = "rini-"
VISIBLE_CHARACTERS = len(PREFIX) + 6


def digest_of(secret: str) -> bytes:
    """What the tables keep of a token; `secret` is ASCII."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def create(user: User, **fields: Any) -> tuple[ApiToken, Secret]:
    """A new token of `user`, and its secret. `fields`: its columns, except the secret's."""
    token = ApiToken(user=user, **fields)
    secret = _replace_secret(token)
    token.save(force_insert=True)
    return token, secret


@transaction.atomic
def rotate(token: ApiToken) -> Secret:
    """Give `token` a new secret and return it.

    The old one works for `API_TOKEN_ROTATION_GRACE_MINUTES` more, so that its users can change
    over; one from an earlier rotation works for as long as was promised then. Raises
    `ApiToken.DoesNotExist` where the token was deleted meanwhile.
    """
    token.refresh_from_db(from_queryset=ApiToken.objects.select_for_update())
    grace = timedelta(minutes=settings.API_TOKEN_ROTATION_GRACE_MINUTES)
    token.former_valid_until = timezone.now() + grace
    FormerSecret.objects.create(
        token=token, digest=token.digest, valid_until=token.former_valid_until
    )
    secret = _replace_secret(token)
    token.save(update_fields=["digest", "prefix", "former_valid_until"])
    return secret


def allows(token: ApiToken | None, provider: str, model: str) -> bool:
    """Whether a caller may use a model. `token` is the caller's; None, an access token, may any."""
    if token is None or not token.allowed_models:
        return True
    return f"{provider}/{model}" in token.allowed_models or f"{provider}/*" in token.allowed_models


def is_limited(token: ApiToken) -> bool:
    """Whether `token` can do less than its user, so that it must not make itself a better one."""
    limits = (token.allowed_models, token.requests_per_minute, token.tokens_per_minute)
    return any(limits) or token.expires_at is not None


def _replace_secret(token: ApiToken) -> Secret:
    secret = PREFIX + secrets.token_urlsafe(32)
    token.prefix = secret[:VISIBLE_CHARACTERS]
    token.digest = digest_of(secret)
    return Secret(secret)
