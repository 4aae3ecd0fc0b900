"""Background work on accounts."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts import invitations, security_log
from accounts.models import FormerSecret, Login, RefreshToken

FORMER_SECRETS_KNOWN_FOR = timedelta(days=30)
"""For how long whoever uses a secret that was rotated away is still told so."""


@shared_task
def forget_refresh_tokens() -> int:
    """Delete the refresh tokens, logins, invitations and former secrets that time has ended; says
    how many refresh tokens."""
    now = timezone.now()
    invitations.forget()
    Login.objects.filter(expires_at__lte=now).delete()
    FormerSecret.objects.filter(valid_until__lte=now - FORMER_SECRETS_KNOWN_FOR).delete()
    deleted, _ = RefreshToken.objects.filter(expires_at__lte=now).delete()
    return deleted


@shared_task
def trim_security_log() -> int:
    """Delete what is older than `SECURITY_LOG_DAYS`; says how many. With 0 days all of it stays."""
    if not settings.SECURITY_LOG_DAYS:
        return 0
    return security_log.forget(timezone.now() - timedelta(days=settings.SECURITY_LOG_DAYS))
