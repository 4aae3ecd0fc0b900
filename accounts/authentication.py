"""Who is calling: one way for Django's views, the endpoints outside of Django, and WebSockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, TypeVar, cast
from uuid import UUID

import starlette.requests as starlette
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.tokens import AccessToken

from accounts import rates, tokens
from accounts.models import ApiToken, User
from rini.errors import NotAuthenticated
from rini.storage import last_used
from rini.storage.database import in_database
from rini.storage.statements import WrittenOnce, names, selected
from rini.web import request_log
from rini.web.parsing import has_small_body, read_body

R = TypeVar("R")
_BY_DIGEST = f"""
    SELECT {names(ApiToken)} FROM accounts_apitoken
    WHERE digest = %s OR former_digest = %s LIMIT 1
"""  # noqa: S608  # names of columns
MALFORMED = (
    "This is not a token of Rini. Send an access token from /auth/token, or an API token (rini-…)."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and the API token that spoke for it (None: an access token)."""

    user: User
    token: ApiToken | None


def authenticate(headers: Mapping[str, str]) -> Caller:
    """The caller by the header ``Authorization: Bearer <token>``; `headers` ignores case.

    Raises `NotAuthenticated` that says what is wrong with the header or the token. A database that
    cannot be reached stays Django's `OperationalError`, which all callers answer with 503.
    """
    header = headers.get("Authorization")
    if not header:
        raise NotAuthenticated
    scheme, _, raw = header.partition(" ")
    if scheme.lower() != "bearer" or not raw.strip():
        raise NotAuthenticated("The Authorization header is to read `Bearer <token>`.")
    return authenticate_token(raw.strip())


def authenticate_token(raw: str) -> Caller:
    """The caller by a token of either kind; raises as `authenticate` does."""
    if not raw.isascii():
        raise NotAuthenticated(MALFORMED)
    caller = _by_api_token(raw) if raw.startswith(tokens.PREFIX) else _by_access_token(raw)
    if not caller.user.is_active:
        raise NotAuthenticated("This account is deactivated; ask the operator.")
    request_log.note(user=str(caller.user.pk), token=str(caller.token.pk) if caller.token else None)
    return caller


async def caller_of(headers: Mapping[str, str]) -> Caller:
    """`authenticate` for async code, which also counts the request (see `accounts.rates`).

    Raises `RateLimited` too, and `Unavailable` where the database or Valkey is.
    """
    return await admitted(await in_database(authenticate, headers))


async def visit(request: starlette.Request, work: Callable[[bytes, Caller], R]) -> R:
    """What `work` makes of the request's body and its caller, in one visit to the database.

    As `caller_of`, `read_body`, and then `in_database` with `work`; for requests that are to be
    fast. Raises what those do. A large body is read once its caller is known.
    """
    if not has_small_body(request):
        caller = await caller_of(request.headers)
        return await in_database(work, await read_body(request), caller)
    body = await read_body(request)
    caller, done = await in_database(_visit, request.headers, partial(work, body))
    if done:
        return done[0]
    return await in_database(work, body, await admitted(caller))


async def admitted(caller: Caller) -> Caller:
    """`caller`, whose request has been counted. Raises as `rates.admit` does."""
    await rates.admit(caller.user, caller.token)
    return caller


async def owner_of(headers: Mapping[str, str]) -> UUID | None:
    """The id of the caller's user; None without a token, and with one that is no good."""
    try:
        return (await caller_of(headers)).user.id
    except NotAuthenticated:
        return None


def caller_in(request: Request) -> Caller:
    """The caller of a DRF view that admits only authenticated ones."""
    return cast(Caller, request.auth)


class BearerAuthentication(BaseAuthentication):
    """For DRF: `request.user` is the `User`, `request.auth` the `Caller`."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        if "Authorization" not in request.headers:
            return None  # whether that will do is for the view's permissions to say
        caller = authenticate(request.headers)
        rates.admit_now(caller.user, caller.token)
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _visit(headers: Mapping[str, str], work: Callable[[Caller], R]) -> tuple[Caller, list[R]]:
    """The caller, and what `work` returns, unless the caller's requests have to be counted first:
    no connection waits for Valkey."""
    caller = authenticate(headers)
    if rates.are_counted(caller.user, caller.token):
        return caller, []
    return caller, [work(caller)]


def _by_access_token(raw: str) -> Caller:
    user = _user(_user_id(raw))
    if user is None:
        raise NotAuthenticated("The account of this access token does not exist any more.")
    return Caller(user, None)


def _user_id(raw: str) -> UUID:
    try:
        claims = _claims(raw)
        if claims["exp"] <= time.time():
            raise ExpiredTokenError
        return UUID(str(claims.get("user_id")))
    except ExpiredTokenError:
        raise NotAuthenticated(
            "This access token has expired: get a new one from /auth/refresh or /auth/token."
        ) from None
    except (TokenError, ValueError):
        raise NotAuthenticated(MALFORMED) from None


@lru_cache(maxsize=4096)
def _claims(raw: str) -> dict[str, Any]:
    """What a token claims, once its signature has been checked; it may have expired since."""
    return AccessToken(raw).payload  # type: ignore[arg-type]  # simplejwt means the text of one


def _by_api_token(raw: str) -> Caller:
    digest = tokens.digest_of(raw)
    token = next(iter(selected(ApiToken, _BY_DIGEST, [digest, digest])), None)
    user = _user(token.user_id) if token else None
    now = timezone.now()
    if token is None or user is None:
        raise NotAuthenticated("There is no such API token: it is mistyped, or was revoked.")
    if bytes(token.digest) != digest and not _is_later(token.former_valid_until, now):
        raise NotAuthenticated("This API token was rotated: use its new secret.")
    if token.expires_at is not None and not _is_later(token.expires_at, now):
        raise NotAuthenticated("This API token has expired: make a new one at /tokens/.")
    last_used.note(token)
    return Caller(user, token)


def _user(identity: UUID) -> User | None:
    return next(iter(_users(identity)), None)


@WrittenOnce
def _users(identity: UUID) -> QuerySet[User]:
    return User.objects.filter(id=identity)


def _is_later(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment > now
