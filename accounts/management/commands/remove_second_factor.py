"""`manage.py remove_second_factor NAME`: for users who have lost both the app and the codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import second_factor, throttles


class Command(BaseCommand):
    help = "Remove an account's second factor."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **options: Any) -> None:
        user = throttles.account_of(username)
        if user is None:
            raise CommandError(f"There is no account {username!r}.")
        if not second_factor.remove(user):
            raise CommandError(f"The account {username!r} has no second factor.")
        self.stdout.write(f"The account {username!r} logs in with its password alone.")
