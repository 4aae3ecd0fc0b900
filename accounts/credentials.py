"""Names and passwords: opening an account, logging in, and what only one account may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import refresh, second_factor, security_log, throttles
from accounts.models import EventName, User
from rini.errors import Forbidden, InvalidInput, NotAuthenticated
from rini.translation import gettext as _
from rini.translation import gettext_noop

UNIQUE = {
    "user_name_unique": {"username": [gettext_noop("This user name is taken.")]},
    "user_email_unique": {"email": [gettext_noop("There is an account with this address.")]},
}


def register(fields: Mapping[str, Any]) -> User:
    """Open an account: `fields` as `serializers.Registration` gives them.

    Raises `Forbidden` where registration is closed, `RateLimited` where too many came from there,
    `InvalidInput` for a name that is taken.
    """
    if not settings.OPEN_REGISTRATION:
        raise Forbidden(
            _("Registration is closed: ask the operator for an account."),
            code="registration_closed",
        )
    throttles.count_registration()
    user = User(username=fields.get("username"), email=fields.get("email"))
    user.set_password(fields.get("password"))
    save(user)
    security_log.record(EventName.USER_CREATED, user_id=user.pk)
    return user


def log_in(username: str, password: str, code: str = "") -> User:
    """The user of that name, whatever its case; `code` is its second factor's, if it has one.

    Raises `NotAuthenticated`, `RateLimited` after too many wrong passwords or codes, and
    `Unavailable`.
    """
    user = throttles.account_of(username)
    with throttles.guess(user, username):
        _check(user, password)
    # Said only to those who know the password.
    if user is None or not user.is_active:
        _record_failure(user, "suspended")
        raise NotAuthenticated(_("This account is deactivated; ask the operator."))
    if second_factor.is_on(user):
        if not code:
            raise NotAuthenticated(
                _("This account has a second factor: send its code as `code`."),
                code="second_factor_required",
            )
        with throttles.guess(user, username):
            second_factor.check(user, code)
    return user


def confirm(user: User, password: str | None) -> None:
    """Let only the owner continue, not a thief of a token: what follows needs the password.

    An account without a password has nothing else to prove itself by. Raises `InvalidInput` on the
    field ``current_password``, and `RateLimited` after too many wrong ones.
    """
    if not user.has_usable_password():
        return
    if password is None:
        message = _("This needs the account's password: send it as `current_password`.")
        raise InvalidInput(
            message, code="current_password_required", errors={"current_password": [message]}
        )
    with throttles.guess(user):
        if not user.check_password(password):
            security_log.record(EventName.PASSWORD_REFUSED, user_id=user.pk)
            message = _("This is not the current password.")
            raise InvalidInput(
                message, code="current_password_wrong", errors={"current_password": [message]}
            )


def change(user: User, fields: Mapping[str, Any], login_id: UUID | None = None) -> None:
    """Set and save fields of `user`. A new password ends every login, a first one all but the login
    that sets it (`login_id`).

    Raises `InvalidInput` for a name or an address that is another's.
    """
    spared = None if user.has_usable_password() else login_id
    if "password" in fields:
        user.set_password(fields["password"])  # before the transaction: hashing takes a while
    with transaction.atomic():
        if "password" in fields:
            # First, for its lock: a login with the old password waits, sees the new, is refused.
            refresh.end_all(user, but=spared)
        for name in fields.keys() - {"password"}:
            setattr(user, name, fields[name])
        save(user, update_fields=list(fields))
    if "password" in fields:
        security_log.record(EventName.PASSWORD_CHANGED, user_id=user.pk)
    if changed := sorted(fields.keys() - {"password"}):
        security_log.record(EventName.USER_CHANGED, user_id=user.pk, details={"fields": changed})


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
                messages = {field: [_(one) for one in said] for field, said in errors.items()}
                raise InvalidInput(errors=messages) from None
        raise


def _check(user: User | None, password: str) -> None:
    """An unknown name costs the hashing of a password too, so that timing does not reveal names."""
    known = user or User(password="!")  # noqa: S106  # unusable
    if not known.check_password(password):
        _record_failure(user, "password" if user else "name")
        raise NotAuthenticated(_("The user name or the password is wrong."))


def _record_failure(user: User | None, wrong: str) -> None:
    user_id = user.pk if user else None
    security_log.record(EventName.LOGIN_FAILED, user_id=user_id, details={"wrong": wrong})
