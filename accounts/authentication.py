"""Who is calling: one way for Django's views, the endpoints outside of Django, and WebSockets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar, cast
from uuid import UUID

import starlette.requests as starlette
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import QuerySet
from django.http import parse_cookie
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import access_tokens, rates, revocation, security_log, tokens
from accounts.models import ApiToken, FormerSecret, User
from accounts.revocation import Right
from rini.errors import NotAuthenticated
from rini.storage import last_used
from rini.storage.database import in_database
from rini.storage.statements import WrittenOnce, names, selected
from rini.translation import gettext as _
from rini.translation import gettext_noop
from rini.web import body_limit, request_log, standing
from rini.web.client import address
from rini.web.parsing import check_is_json, has_small_body, if_large_aside, read_body

B = TypeVar("B")
R = TypeVar("R")
_BY_DIGEST = f"""
    SELECT {names(ApiToken)} FROM accounts_apitoken
    WHERE digest = %s
    OR id = (SELECT token_id FROM accounts_formersecret WHERE digest = %s) LIMIT 1
"""  # noqa: S608  # names of columns
_BY_LOGIN = f"""
    SELECT {names(User)} FROM accounts_user
    WHERE id = %s AND EXISTS (
        SELECT FROM accounts_login
        WHERE id = %s AND user_id = accounts_user.id AND ended_at IS NULL
    )
"""  # noqa: S608  # names of columns
MALFORMED = gettext_noop(
    "This is not a token of Rini. Send an access token from /auth/token, or an API token (rini-…)."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, the API token that spoke for it (None: an access token), and what was shown."""

    user: User
    token: ApiToken | None
    shown: Right | None = None

    @property
    def right(self) -> Right:
        """What the caller's connections rest on."""
        return self.shown or Right(self.user.pk, self.token.pk if self.token else None)


def authenticate(headers: Mapping[str, str]) -> Caller:
    """The caller by the header ``Authorization: Bearer <token>``, or by ``x-api-key: <token>``, as
    Anthropic's clients have it; `headers` ignores case.

    Raises `NotAuthenticated` that says what is wrong with the header or the token. A database that
    cannot be reached stays Django's `OperationalError`, which all callers answer with 503.
    """
    header = headers.get("Authorization")
    if not header:
        if key := headers.get("x-api-key", "").strip():
            return authenticate_token(key)
        raise NotAuthenticated
    scheme, __, raw = header.partition(" ")
    if scheme.lower() != "bearer" or not raw.strip():
        raise NotAuthenticated(_("The Authorization header must read `Bearer <token>`."))
    return authenticate_token(raw.strip())


def shows_a_token(headers: Mapping[str, str]) -> bool:
    """Whether the request claims to be of somebody; `headers` ignores case."""
    return "Authorization" in headers or "x-api-key" in headers


def authenticate_token(raw: str) -> Caller:
    """The caller by a token of either kind; raises as `authenticate` does."""
    if not raw.isascii():
        raise NotAuthenticated(_(MALFORMED))
    caller = _by_api_token(raw) if raw.startswith(tokens.PREFIX) else _by_access_token(raw)
    _note(caller)
    return caller


def authenticate_again(right: Right) -> Caller:
    """The caller of a connection as it is now. Raises `NotAuthenticated` if it lost its right."""
    if lost := revocation.refusals([right]).get(right):
        raise lost
    [user] = _users(right.user_id)
    token = ApiToken.objects.visible_to(user).get(pk=right.token_id) if right.token_id else None
    return Caller(user, token, right)


async def caller_of(headers: Mapping[str, str]) -> Caller:
    """`authenticate` for async code, which also counts the request (see `accounts.rates`).

    Raises `RateLimited` too, and `Unavailable` where the database or Valkey is away.
    """
    return await admitted(await in_database(authenticate, headers))


async def visit(
    request: starlette.Request, read: Callable[[bytes], B], work: Callable[[B, Caller], R]
) -> R:
    """What `work` makes of a caller and of what `read` makes of the request's body, in one visit to
    the database.

    As `caller_of`, `read_body`, and then `in_database` with `work`; for requests that must be fast.
    Raises what those do. A large body is read once its caller is known, on another thread.
    """

    def done_for(caller: Caller) -> R:
        check_is_json(request)
        return work(read(body), caller)

    if not has_small_body(request):
        caller = await caller_of(request.headers)
        check_is_json(request)  # before what may be large is read
        asked = await if_large_aside(await read_body(request), read)
        return await in_database(work, asked, caller)
    body = await read_body(request)
    caller, done = await in_database(_visit, request.headers, done_for)
    if done:
        rest_on(caller)
        return done[0]
    # Its requests are counted in Valkey first, without a connection; the work is a second visit.
    return await in_database(done_for, await admitted(caller))


async def admitted(caller: Caller, *, is_known: bool = True) -> Caller:
    """`caller`, whose request has been counted, and which the answer rests on from now on.

    Whoever is not known, a guest, can send no large body. Raises as `rates.admit` does.
    """
    rest_on(caller)
    await rates.admit(caller.user, caller.token)
    if is_known:
        body_limit.admit()
    return caller


def rest_on(caller: Caller) -> None:
    """Have the answer to the current request end when its caller loses its right."""
    _note(caller)
    standing.rest_on(partial(revocation.losing, caller.right))


async def is_known(headers: Mapping[str, str]) -> bool:
    """Whether the request is of somebody with an account: by a token, or by the administration's
    cookie. Raises `Unavailable`."""
    return await in_database(_is_known, headers)


def _is_known(headers: Mapping[str, str]) -> bool:
    if not shows_a_token(headers):
        cookies = parse_cookie(headers.get("Cookie", ""))
        key = cookies.get(settings.SESSION_COOKIE_NAME)
        return bool(key) and SESSION_KEY in SessionStore(key)
    try:
        authenticate(headers)
    except NotAuthenticated:
        return False
    return True


async def owner_of(headers: Mapping[str, str]) -> tuple[UUID | None, str]:
    """Whose request it is, for what is kept of requests: the user's id, and what spoke for it.

    Another token of the same user is another owner: it may allow less. A renewed access token is
    the same one. Without a good token there is no user, and the address has to do.
    """
    try:
        right = (await caller_of(headers)).right
    except NotAuthenticated:
        return None, address()
    return right.user_id, str(right.token_id or right.login_id)


def caller_in(request: Request) -> Caller:
    """The caller of a DRF view that admits only authenticated ones."""
    return cast(Caller, request.auth)


class BearerAuthentication(BaseAuthentication):
    """For DRF: `request.user` is the `User`, `request.auth` the `Caller`."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        if not shows_a_token(request.headers):
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


def _note(caller: Caller) -> None:
    """Whom the logs name for what happens in this request."""
    token = str(caller.token.pk) if caller.token else None
    request_log.note(user=str(caller.user.pk), token=token)
    security_log.note_caller(caller.user.pk, caller.token.pk if caller.token else None)


def _by_access_token(raw: str) -> Caller:
    try:
        claims = access_tokens.read(raw)
    except access_tokens.NotAnAccessToken:
        raise NotAuthenticated(_(MALFORMED)) from None
    found = selected(User, _BY_LOGIN, [claims.user_id, claims.login_id])
    user = next(iter(found), None) or _user(claims.user_id)
    # In the order of what the caller can do about it: renew, ask the operator, log in anew.
    _raise(revocation.refusal_of_access_token(claims.expires_at, is_login_open=True))
    _raise(revocation.refusal_of_user(user.is_active if user else None))
    _raise(revocation.refusal_of_access_token(claims.expires_at, is_login_open=bool(found)))
    right = Right(claims.user_id, login_id=claims.login_id, expires_at=claims.expires_at)
    return Caller(cast(User, user), None, right)


def _by_api_token(raw: str) -> Caller:
    digest = tokens.digest_of(raw)
    token = next(iter(selected(ApiToken, _BY_DIGEST, [digest, digest])), None)
    user = _user(token.user_id) if token else None
    if token is None or user is None:
        raise NotAuthenticated(_(revocation.NO_TOKEN))
    _raise(revocation.refusal_of_token(token.expires_at, _end_of_secret(token, digest)))
    _raise(revocation.refusal_of_user(user.is_active))
    last_used.note(token)
    models = frozenset(token.allowed_models) if token.allowed_models else None
    return Caller(user, token, Right(user.pk, token_id=token.pk, secret=digest, models=models))


def _end_of_secret(token: ApiToken, digest: bytes) -> datetime | float | None:
    if bytes(token.digest) == digest:
        return math.inf
    former = FormerSecret.objects.filter(digest=digest).first()
    return revocation.earlier(former.valid_until if former else None, token.former_valid_until)


def _raise(refused: NotAuthenticated | None) -> None:
    if refused is not None:
        raise refused


def _user(identity: UUID) -> User | None:
    return next(iter(_users(identity)), None)


@WrittenOnce
def _users(identity: UUID) -> QuerySet[User]:
    return User.objects.filter(id=identity)
