"""Refresh tokens: each is used once and gives its successor; a family is the chain of one login.

A token that is shown a second time was copied by somebody, and nobody can tell which of the two is
the owner: the whole family ends at once. Every change of a user's chains happens under a lock of
the user's row, so that no new link escapes a revocation that runs beside its making.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import RefreshToken, User
from accounts.tokens import digest_of
from rini.errors import NotAuthenticated
from rini.secrets.secret import Secret

REFUSED = "This refresh token is unknown, expired or revoked: log in again at /auth/token."


@transaction.atomic
def begin(user: User) -> Secret:
    """The first token of a new family.

    Raises `NotAuthenticated` where the account is deactivated, or its password changed since `user`
    was read: a login with the old one must not outlive the change.
    """
    account = _locked(user.pk)
    if not account.is_active:
        raise NotAuthenticated("This account is deactivated; ask the operator.")
    if account.password != user.password:
        raise NotAuthenticated("The password was changed meanwhile: log in again.")
    return _add_link(user.pk, uuid.uuid4())


def rotate(raw: str) -> tuple[User, Secret]:
    """Consume a token and return its user and its successor.

    Raises `NotAuthenticated`, and where the token had been consumed, its family is revoked.
    """
    with transaction.atomic():
        link = _find(raw)
        user = _locked(link.user_id)
        renewable = user.is_active and _consume(link)
        successor = _add_link(user.pk, link.family) if renewable else None
        if successor is None:
            _revoke(link.family)
    if successor is None:  # raised out here: inside, it would undo the revocation
        raise NotAuthenticated(REFUSED)
    return user, successor


@transaction.atomic
def end_family(raw: str) -> None:
    """Revoke the family of a token, whatever its state.

    Raises `NotAuthenticated` for a token that was never given out.
    """
    link = _find(raw)
    _locked(link.user_id)
    _revoke(link.family)


@transaction.atomic
def end_all(user: User) -> None:
    """Revoke every family of `user`."""
    _locked(user.pk)
    _unrevoked().filter(user=user).update(revoked_at=timezone.now())


def _find(raw: str) -> RefreshToken:
    link = RefreshToken.objects.filter(digest=digest_of(raw)).first() if raw.isascii() else None
    if link is None:
        raise NotAuthenticated(REFUSED)
    return link


def _locked(user_id: uuid.UUID) -> User:
    """The user as it is now; its row stays locked for the rest of the transaction."""
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotAuthenticated("The account does not exist any more.")
    return user


def _consume(link: RefreshToken) -> bool:
    """Whether it was this call that consumed the token."""
    now = timezone.now()
    fresh = _unrevoked().filter(pk=link.pk, consumed_at=None, expires_at__gt=now)
    return fresh.update(consumed_at=now) == 1


def _add_link(user_id: uuid.UUID, family: uuid.UUID) -> Secret:
    secret = secrets.token_urlsafe(32)
    expires_at = timezone.now() + timedelta(days=settings.JWT_REFRESH_TOKEN_EXPIRE_DAYS)
    RefreshToken.objects.create(
        user_id=user_id, family=family, digest=digest_of(secret), expires_at=expires_at
    )
    return Secret(secret)


def _revoke(family: uuid.UUID) -> None:
    _unrevoked().filter(family=family).update(revoked_at=timezone.now())


def _unrevoked() -> QuerySet[RefreshToken]:
    return RefreshToken.objects.filter(revoked_at=None)
