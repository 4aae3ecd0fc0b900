"""Names and passwords: opening an account, logging in, and what only one account may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from accounts import throttles
from accounts.models import User
from rini.errors import Forbidden, InvalidInput, NotAuthenticated

UNIQUE = {
    "user_name_unique": {"username": ["This user name is taken."]},
    "user_email_unique": {"email": ["There is an account with this address."]},
}


def register(fields: Mapping[str, Any]) -> User:
    """Open an account: `fields` as `serializers.Registration` gives them.

    Raises `Forbidden` where registration is closed, `InvalidInput` for a name that is taken.
    """
    if not settings.OPEN_REGISTRATION:
        raise Forbidden("Registration is closed: ask the operator for an account.")
    user = User(username=fields.get("username"), email=fields.get("email"))
    user.set_password(fields.get("password"))
    save(user)
    return user


def log_in(username: str, password: str, address: str) -> User:
    """The user of that name, whatever its case; `address` is the caller's IP address.

    Raises `NotAuthenticated`, `RateLimited` after too many wrong passwords, and `Unavailable`.
    """
    with throttles.guess(username, address):
        user = _find(username, password)
    if not user.is_active:
        raise NotAuthenticated("This account is deactivated; ask the operator.")
    return user


def save(user: User, **options: Any) -> None:
    """Save `user`; raises `InvalidInput` where its name or address is another's.

    The database decides, so that two who want the same name at once do not both get it.
    """
    try:
        with transaction.atomic():
            user.save(**options)
    except IntegrityError as error:
        for constraint, errors in UNIQUE.items():
            if constraint in str(error):
                raise InvalidInput(errors=errors) from None
        raise


def _find(username: str, password: str) -> User:
    """An unknown name costs the hashing of a password too, so that time does not tell names."""
    same_name = Exact(Lower("username"), Lower(Value(username)))
    user = User.objects.filter(same_name).first() or User(password="!")  # noqa: S106  # unusable
    if not user.check_password(password):
        raise NotAuthenticated("The user name or the password is wrong.")
    return user
