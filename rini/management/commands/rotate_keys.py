"""`manage.py rotate_keys`: put every stored secret under the newest master key.

Put a new key in front in RINI_API_MASTER_KEY, restart every process, run this, and then take the
old keys out. Rini serves meanwhile; run it again after an interruption, it goes on with the rest.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rini.secrets import crypto, sealed
from rini.secrets.sealed import SealedField


class Command(BaseCommand):
    help = "Put every stored secret under the newest key of RINI_API_MASTER_KEY."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="rows to read at once (500)")

    def handle(self, *, batch: int, **options: Any) -> None:
        broken = [row for field in sealed.fields() for row in self._rotate(field, batch)]
        if broken:
            raise CommandError(
                f"{len(broken)} secrets could not be opened: {', '.join(broken)}. Their master "
                "key is not in RINI_API_MASTER_KEY, or they are damaged; the log says which. "
                "Bring the key back and run this again, or have them stored anew."
            )
        if any(sealed.under_other_keys(field).exists() for field in sealed.fields()):
            raise CommandError(
                "A process still seals under an older key. Restart every process with the new "
                "RINI_API_MASTER_KEY, then run this again."
            )
        self.stdout.write("Every secret is under the newest master key. Older ones can go.")

    def _rotate(self, field: SealedField, size: int) -> list[str]:
        """Re-wrap the column's rows; the table and id of each that does not open."""
        name = f"{field.model._meta.db_table}.{field.column}"
        rows = sealed.under_other_keys(field)
        total, seen, rewrapped, broken = rows.count(), 0, 0, []
        for batch in sealed.batches(rows, size):
            for row in batch:
                try:
                    rewrapped += sealed.rewrap(field, row)
                except crypto.SealBroken:
                    broken.append(f"{field.model._meta.db_table} {row.pk}")
            seen += len(batch)
            self.stdout.write(f"{name}: {seen} of {total} read")
        changed = seen - rewrapped - len(broken)
        self.stdout.write(
            f"{name}: {rewrapped} re-wrapped, {changed} changed by others meanwhile, "
            f"{len(broken)} not readable"
        )
        return broken
