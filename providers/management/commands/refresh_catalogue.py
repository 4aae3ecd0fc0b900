"""`manage.py refresh_catalogue`: the models and prices that this release of Rini knows."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from providers import catalogue_refresh


class Command(BaseCommand):
    help = (
        "Add providers, models and prices that this release knows, and correct models. Deletes "
        "nothing and leaves alone what was edited by hand."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only show the changes")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        changes = catalogue_refresh.planned()
        for line in changes.lines:
            self.stdout.write(line)
        if not dry_run:
            catalogue_refresh.apply(changes)
        done = "would be" if dry_run else "were"
        self.stdout.write(
            f"{len(changes.providers)} providers, {len(changes.new_models)} models and "
            f"{len(changes.prices)} prices {done} added; {len(changes.changed_models)} models "
            f"{done} corrected."
        )
