"""Access tokens: what a login gives out for an hour or so, signed and not stored (RFC 7519).

Claims: ``iss`` and ``aud`` are ``rini``, ``user_id``, ``sid`` (the `Login`), ``iat``, ``exp``,
``jti`` and ``token_type``. `settings.JWT_SECRET_KEYS` are the secrets, newest first: the first
signs, all of them verify, so that a new one can be put in front without logging anybody out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import jwt
from django.conf import settings

ISSUER = AUDIENCE = "rini"
KIND = "access"
_REQUIRED = ["exp", "iat", "iss", "aud", "jti", "sid", "user_id", "token_type"]


class NotAnAccessToken(ValueError):
    """It was not signed here, or lacks a claim."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says. `expires_at` is in Unix seconds, and may be over."""

    user_id: UUID
    login_id: UUID
    expires_at: float

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= time.time()


def lifetime() -> int:
    """Seconds."""
    return round(settings.JWT_ACCESS_TOKEN_EXPIRE_MINUTES * 60)


def issue(user_id: UUID, login_id: UUID) -> str:
    now = int(time.time())
    claims = {
        "token_type": KIND,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "user_id": str(user_id),
        "sid": str(login_id),
        "iat": now,
        "exp": now + lifetime(),
        "jti": uuid4().hex,
    }
    return jwt.encode(claims, settings.JWT_SECRET_KEYS[0], algorithm=settings.JWT_ALGORITHM)


@lru_cache(maxsize=4096)  # a client sends the same one with every request
def read(raw: str) -> Claims:
    """The claims, once the signature has been checked. Raises `NotAnAccessToken`."""
    claims = _verified(raw)
    try:
        return Claims(UUID(str(claims["user_id"])), UUID(str(claims["sid"])), float(claims["exp"]))
    except ValueError as error:
        raise NotAnAccessToken from error


def _verified(raw: str) -> dict[str, Any]:
    for secret in settings.JWT_SECRET_KEYS:
        try:
            claims = jwt.decode(
                raw,
                secret,
                algorithms=[settings.JWT_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # Whoever asks compares `exp` each time: what is read here is remembered.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise NotAnAccessToken from error
        if claims["token_type"] != KIND:
            break
        return dict(claims)
    raise NotAnAccessToken
