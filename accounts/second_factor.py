"""The second factor: codes of an app, by time, and recovery codes for users who have lost it.

    begin ──► the secret, for the app ──► confirm ──► recovery codes, shown once
                                                          check, at every login

Codes are those of RFC 6238 as every app knows them: six digits, thirty seconds, SHA-1. A code of
the step before or after is good too, because clocks differ; none is good twice.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

import pyotp
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import security_log
from accounts.models import EventName, SecondFactor, User
from rini.errors import InvalidInput, NotAuthenticated
from rini.secrets import sealed
from rini.secrets.secret import Secret
from rini.translation import gettext as _

STEP_SECONDS = 30
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
"""Eighty bits: nobody guesses one, so a digest without salt is safe."""
_ALLOWED_STEPS = (-1, 0, 1)


def is_on(user: User) -> bool:
    """Whether the user's logins need a code."""
    return SecondFactor.objects.visible_to(user).filter(confirmed_at__isnull=False).exists()


def must_set_up(user: User) -> bool:
    """Whether an operator has to set one up before anything else."""
    return settings.ADMIN_SECOND_FACTOR == "required" and not is_on(user)


@dataclass(frozen=True, slots=True)
class Begun:
    """A secret that an app has yet to be told."""

    secret: str
    address: str
    """``otpauth:``, which apps read as a picture."""


def begin(user: User) -> Begun:
    """Make a new secret.

    What was begun before and not confirmed is thrown away. Raises `InvalidInput` where there is a
    second factor already.
    """
    with transaction.atomic():
        if is_on(user):
            raise InvalidInput(_("There is a second factor already: remove it first."))
        SecondFactor.objects.visible_to(user).delete()
        factor = SecondFactor(user=user)
        sealed.put(factor, "sealed", Secret(pyotp.random_base32()))
        factor.save()
    return _begun(factor)


def pending(user: User) -> Begun:
    """What was begun and not confirmed, anew where there is nothing. Raises as `begin`."""
    factor = SecondFactor.objects.visible_to(user).filter(confirmed_at=None).first()
    return _begun(factor) if factor else begin(user)


def confirm(user: User, code: str) -> list[str]:
    """Put what was begun into force, with a first code of it; the recovery codes.

    Raises `InvalidInput` for a wrong code, and where nothing was begun.
    """
    with transaction.atomic():
        factor = SecondFactor.objects.visible_to(user).select_for_update().first()
        if factor is None or factor.confirmed_at or not _is_good(factor, code):
            raise _wrong()
        factor.confirmed_at = timezone.now()
        codes = _renewed(factor)
        security_log.record(EventName.SECOND_FACTOR_ADDED, user_id=user.pk)
    return codes


def check(user: User, code: str) -> None:
    """Use `code` up. Raises `NotAuthenticated` for a wrong one, or one that was used."""
    with transaction.atomic():
        factor = SecondFactor.objects.visible_to(user).select_for_update().get()
        is_good = _is_good(factor, code) or _is_recovery(factor, code)
        factor.save()
    if not is_good:
        security_log.record(EventName.SECOND_FACTOR_REFUSED, user_id=user.pk)
        raise NotAuthenticated(_("This code is wrong, or was used already."), code="code_wrong")


def renew_recovery_codes(user: User) -> list[str]:
    """New ones in place of the old."""
    with transaction.atomic():
        return _renewed(SecondFactor.objects.visible_to(user).select_for_update().get())


def remove(user: User, by: User | None = None) -> bool:
    """Take it away; whether there was one. `by` is who does it for another."""
    deleted, _rows = SecondFactor.objects.visible_to(user).delete()
    if deleted:
        actor = by.pk if by else user.pk
        security_log.record(EventName.SECOND_FACTOR_REMOVED, user_id=user.pk, actor_id=actor)
    return bool(deleted)


def _is_good(factor: SecondFactor, code: str) -> bool:
    """Whether `code` is good now; then it is used up once the row is saved."""
    given = "".join(code.split())
    now = int(time.time()) // STEP_SECONDS
    totp = _totp(factor)
    for step in (now + shift for shift in _ALLOWED_STEPS):
        # Later than the last good one: whoever looked over a shoulder cannot use it again.
        if step > factor.last_step and secrets.compare_digest(
            totp.at(step * STEP_SECONDS).encode(), given.encode()
        ):
            factor.last_step = step
            return True
    return False


def _is_recovery(factor: SecondFactor, code: str) -> bool:
    digest = _digest(code)
    if digest not in factor.recovery_digests:
        return False
    factor.recovery_digests.remove(digest)
    left = len(factor.recovery_digests)
    security_log.record(
        EventName.RECOVERY_CODE_USED, user_id=factor.user_id, details={"left": left}
    )
    return True


def _renewed(factor: SecondFactor) -> list[str]:
    codes = [secrets.token_hex(_RECOVERY_BYTES) for _number in range(RECOVERY_CODES)]
    factor.recovery_digests = [_digest(code) for code in codes]
    factor.save()
    return ["-".join(code[at : at + 5] for at in range(0, len(code), 5)) for code in codes]


def _digest(code: str) -> str:
    plain = code.replace("-", "").replace(" ", "").lower()
    return hashlib.sha256(plain.encode()).hexdigest()


def _begun(factor: SecondFactor) -> Begun:
    totp, name = _totp(factor), factor.user.username or str(factor.user_id)
    return Begun(totp.secret, totp.provisioning_uri(name=name, issuer_name="Rini"))


def _totp(factor: SecondFactor) -> pyotp.TOTP:
    secret = sealed.take(factor, "sealed")
    if secret is None:
        raise ValueError("A second factor has a secret.")
    return pyotp.TOTP(secret.reveal(), interval=STEP_SECONDS)


def _wrong() -> InvalidInput:
    message = _("This is not the code that the app shows now.")
    return InvalidInput(message, errors={"code": [message]})
