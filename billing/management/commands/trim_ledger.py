"""``manage.py trim_ledger --months 24 [--dry-run]``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import partitions


class Command(BaseCommand):
    help = "Drop the ledger's months before the last whole ones. The rollups stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--months", required=True, type=int, help="how many whole ones to keep")
        parser.add_argument("--dry-run", action="store_true", help="say it and drop nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = partitions.expired(options["months"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        if not options["dry_run"]:
            found = partitions.drop_partitions(options["months"])
        verb = "would be" if options["dry_run"] else "were"
        self.stdout.write("\n".join([*found, f"{len(found)} months {verb} dropped."]))
