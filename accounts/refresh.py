"""Logins, and the refresh tokens that renew them: each is used once and gives its successor.

A token that is shown a second time was copied by somebody, and nobody can tell which of the two is
the owner: the whole login ends at once, with its access tokens. A second use within `GRACE`, while
the successor lies unused, is not that but a client that asked twice at once: it is told so, gets
nothing, and the login goes on.

Every change of a user's logins happens under a lock of the user's row, so that no new link escapes
a revocation that runs beside its making.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import access_tokens, security_log
from accounts.models import EventName, Login, RefreshToken, User
from accounts.tokens import digest_of
from rini.errors import Conflict, NotAuthenticated
from rini.secrets.secret import Secret
from rini.translation import gettext as _
from rini.translation import gettext_noop

GRACE = timedelta(seconds=5)
REFUSED = gettext_noop(
    "This refresh token is unknown, expired or revoked: log in again at /auth/token."
)
USED = gettext_noop("Another request has just used this refresh token: use the tokens that it got.")


@dataclass(frozen=True, slots=True)
class Begun:
    """A login, as begun or renewed, and its next refresh token."""

    login: Login
    secret: Secret

    @property
    def access_token(self) -> str:
        return access_tokens.issue(self.login.user_id, self.login.id)


@transaction.atomic
def begin(user: User, *, address: str = "", agent: str = "") -> Begun:
    """A new login, from an IP address and a program.

    Raises `NotAuthenticated` where the account is suspended, or its password changed since `user`
    was read: a login with the old one must not outlive the change.
    """
    login = _begin(user, address, agent, _expiry())
    return Begun(login, _add_link(login))


@transaction.atomic
def begin_passing(user: User, *, address: str = "", agent: str = "") -> str:
    """The access token of a new login that nobody can renew; raises as `begin`."""
    ends = timezone.now() + timedelta(seconds=access_tokens.lifetime())
    return access_tokens.issue(user.pk, _begin(user, address, agent, ends).pk)


def rotate(raw: str) -> Begun:
    """Consume a refresh token and renew its login.

    Raises `Conflict` where another request has done so a moment ago, and `NotAuthenticated`; where
    the token had been consumed before, its login has ended.
    """
    with transaction.atomic():
        link = _find(raw)
        user = _locked(link.user_id)
        renewed = _renew(link) if user.is_active and _consume(link) else None
        link.refresh_from_db()  # under the lock: what a request that was first has made of it
        is_race = renewed is None and user.is_active and _is_race(link)
        was_alive = link.revoked_at is None
        if renewed is None and not is_race:
            _end(Q(pk=link.family))
    if renewed is not None:
        return renewed
    if is_race:  # raised out here: inside, it would undo what was done
        raise Conflict(_(USED), code="refresh_token_just_used")
    if was_alive and link.consumed_at is not None:
        security_log.record(
            EventName.REFRESH_REPLAYED, user_id=user.pk, details={"login": str(link.family)}
        )
    raise NotAuthenticated(_(REFUSED))


@transaction.atomic
def end_family(raw: str) -> uuid.UUID:
    """End the login of a refresh token, whatever its state; the user's id.

    Raises `NotAuthenticated` for a token that was never given out.
    """
    link = _find(raw)
    _locked(link.user_id)
    _end(Q(pk=link.family))
    return link.user_id


@transaction.atomic
def end(user: User, login_ids: list[uuid.UUID]) -> int:
    """End some of `user`'s logins; how many went on until now."""
    _locked(user.pk)
    return _end(Q(user=user, pk__in=login_ids))


@transaction.atomic
def end_all(user: User, *, but: uuid.UUID | None = None) -> int:
    """End every login of `user`, except one; how many."""
    _locked(user.pk)
    return _end(Q(user=user) & ~Q(pk=but) if but else Q(user=user))


def _begin(user: User, address: str, agent: str, expires_at: datetime) -> Login:
    account = _locked(user.pk)
    if not account.is_active:
        raise NotAuthenticated(_("This account is deactivated; ask the operator."))
    if account.password != user.password:
        raise NotAuthenticated(_("The password has been changed since: log in again."))
    login = Login.objects.create(
        user=account, address=address[:45], agent=agent[:200], expires_at=expires_at
    )
    security_log.record(
        EventName.LOGIN, user_id=user.pk, address=address, details={"login": str(login.pk)}
    )
    return login


def _find(raw: str) -> RefreshToken:
    link = RefreshToken.objects.filter(digest=digest_of(raw)).first() if raw.isascii() else None
    if link is None:
        raise NotAuthenticated(_(REFUSED))
    return link


def _locked(user_id: uuid.UUID) -> User:
    """The user as it is now; its row stays locked for the rest of the transaction."""
    # Without its key: rows that refer to the user can still be added meanwhile.
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotAuthenticated(_("The account does not exist any more."))
    return user


def _consume(link: RefreshToken) -> bool:
    """Whether it was this call that consumed the token: of two at once, the statement lets one."""
    now = timezone.now()
    fresh = _unrevoked().filter(pk=link.pk, consumed_at=None, expires_at__gt=now)
    return fresh.update(consumed_at=now) == 1


def _is_race(link: RefreshToken) -> bool:
    """Whether another request consumed the token so recently that both may be the same client's."""
    if link.revoked_at or not link.consumed_at or link.consumed_at <= timezone.now() - GRACE:
        return False
    later = RefreshToken.objects.filter(family=link.family, created_at__gt=link.created_at)
    return not later.exclude(consumed_at=None).exists()


def _renew(link: RefreshToken) -> Begun | None:
    login = Login.objects.filter(pk=link.family, ended_at=None).first()
    if login is None:
        return None
    login.last_used_at, login.expires_at = timezone.now(), _expiry()
    login.save(update_fields=["last_used_at", "expires_at"])
    return Begun(login, _add_link(login))


def _expiry() -> datetime:
    """When the tokens that a login gives out now will all have expired."""
    access = timedelta(seconds=access_tokens.lifetime())
    return timezone.now() + max(access, _lifetime())


def _lifetime() -> timedelta:
    return timedelta(days=settings.JWT_REFRESH_TOKEN_EXPIRE_DAYS)


def _add_link(login: Login) -> Secret:
    secret = secrets.token_urlsafe(32)
    RefreshToken.objects.create(
        user_id=login.user_id,
        family=login.id,
        digest=digest_of(secret),
        expires_at=timezone.now() + _lifetime(),
    )
    return Secret(secret)


def _end(which: Q) -> int:
    now = timezone.now()
    ended = [row.pk for row in Login.objects.filter(which, ended_at=None)]
    Login.objects.filter(pk__in=ended).update(ended_at=now)
    _unrevoked().filter(family__in=ended).update(revoked_at=now)
    return len(ended)


def _unrevoked() -> QuerySet[RefreshToken]:
    return RefreshToken.objects.filter(revoked_at=None)
