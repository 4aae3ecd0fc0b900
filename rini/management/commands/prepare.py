"""`manage.py prepare`: what the database needs before Rini can be served from it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError
from django.db.models import Q

from rini.running import datadir


class Command(BaseCommand):
    help = "Migrate, and make the first operator; prints the password if it was never shown."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            call_command("migrate", interactive=False, verbosity=0)
            password = _make_admin()
        except OperationalError as error:
            raise SystemExit(f"rini: the database cannot be used: {error}") from error
        if password:
            self.stdout.write(password)


def _make_admin() -> str | None:
    """Make the first operator, unless there is one or somebody has the name.

    Returns the password if it was never shown and still holds.
    """
    password = datadir.load(settings.DATA_DIR).admin_password
    if password is None:
        return None
    users = get_user_model().objects
    if not users.filter(Q(is_superuser=True) | Q(username__iexact=datadir.ADMIN)).exists():
        users.create_superuser(username=datadir.ADMIN, password=password)
    admin = users.filter(username=datadir.ADMIN, is_superuser=True).first()
    return password if admin and admin.check_password(password) else None
