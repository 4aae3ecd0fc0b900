"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id as OWASP's Password Storage Cheat Sheet has it: 19 MiB, two passes, one lane.

    Django's defaults take 100 MiB and eight threads a password, which lets anybody who may register
    keep a small server busy.
    """

    memory_cost = 19456
    time_cost = 2
    parallelism = 1
