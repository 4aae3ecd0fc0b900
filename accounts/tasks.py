"""Background work on accounts."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from accounts.models import RefreshToken


@shared_task
def forget_refresh_tokens() -> int:
    """Delete the refresh tokens that time has ended; says how many."""
    deleted, _ = RefreshToken.objects.filter(expires_at__lte=timezone.now()).delete()
    return deleted
