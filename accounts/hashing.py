"""How passwords are hashed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from rini.errors import Unavailable
from rini.storage import database
from rini.translation import gettext_noop

_WAITING = 8
"""How many may wait for each that is being hashed: every one of them keeps a thread."""
_hashing = threading.BoundedSemaphore(settings.PASSWORDS_AT_ONCE)
_known = threading.BoundedSemaphore(settings.PASSWORDS_AT_ONCE * (1 + _WAITING))


class TooManyPasswords(Unavailable):
    code = "too_many_logins"
    detail = gettext_noop("Too many passwords are being checked: try again shortly.")


class Argon2(Argon2PasswordHasher):
    """Argon2id as OWASP's Password Storage Cheat Sheet has it: 19 MiB, two passes, one lane.

    Django's defaults take 100 MiB and eight threads a password, which lets anybody who may register
    keep a small server busy. Only so many are hashed at a time, and none while its thread holds a
    database connection. Raises `TooManyPasswords` where those before it take too long.
    """

    memory_cost = 19456
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _place():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _place():
            return super().verify(password, encoded)


@contextmanager
def _place() -> Iterator[None]:
    database.give_back()
    if not _known.acquire(blocking=False):
        raise TooManyPasswords(retry_after=1)
    try:
        if not _hashing.acquire(timeout=settings.PASSWORD_WAIT_SECONDS):
            raise TooManyPasswords(retry_after=1)
        try:
            yield
        finally:
            _hashing.release()
    finally:
        _known.release()
