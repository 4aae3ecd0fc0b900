"""What this installation opens to others than its operator: said at every start, a line each."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from rini.environment import addresses

SAID = "RINI_EXPOSURE_SAID"
"""In the environment of processes whose start has said it for them."""


def lines() -> Iterator[str]:
    """A sentence for each thing that is open, with the variable that closes it."""
    if not addresses.is_loopback(settings.HOST):
        yield f"other machines reach it: HOST={settings.HOST}"
        if not settings.BEHIND_TLS_PROXY:
            yield "passwords travel unencrypted: put TLS before it, and BEHIND_TLS_PROXY=true"
    if settings.OPEN_REGISTRATION:
        most = settings.REGISTRATIONS_PER_HOUR or "any number of"
        yield (
            f"whoever reaches it opens an account ({most} an hour from one address): "
            "OPEN_REGISTRATION=false"
        )
    if settings.ANONYMOUS_ACCESS:
        yield "/chat and /api/chat serve callers without a token: ANONYMOUS_ACCESS=false"
    if settings.LEND_OPERATOR_KEYS == "always":
        yield (
            "every account may use the operator's keys, without a limit: "
            "LEND_OPERATOR_KEYS=limited or never"
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield "it answers under any name: ALLOWED_HOSTS=rini.example.com"
    if "*" in settings.CORS_ORIGINS:
        yield "pages of any origin may call it: CORS_ORIGINS=https://app.example.com"
    if settings.DEBUG:
        yield "error pages show the code to whoever causes them: DEBUG=false"
