"""`manage.py rotate_keys`: put every stored secret under the newest master key.

With ``--new`` it makes that key itself. Where the keys are the installation's own (`make run`) that
is all there is to do: the file gets the new key in front, running processes take it from there, and
when nothing is left under the old one that leaves the file. Where they come from the environment,
it says what to put there. Rini serves meanwhile; run it again after an interruption, it goes on.
"""

from __future__ import annotations

import base64
import secrets
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rini.running import datadir
from rini.secrets import crypto, sealed
from rini.secrets.sealed import SealedField

SETTLE_SECONDS = 3.0
"""For so long after the new key is there, somebody may still store what the old one has sealed."""
MOST_ROUNDS = 5
"""How often to look again for what other processes have sealed under the old key meanwhile."""


class Command(BaseCommand):
    help = "Put every stored secret under the newest master key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="rows to read at once (500)")
        parser.add_argument("--new", action="store_true", help="make a new master key first")

    def handle(self, *, batch: int, new: bool = False, **options: Any) -> None:
        file: Path | None = settings.MASTER_KEYS_FILE
        if file is not None:
            self._rotate_installation(file.parent, batch, new=new)
        elif new:
            self._tell_of_new_key()
        else:
            self._rotate_all(batch)
            self.stdout.write("Every secret is under the newest master key. Older ones can go.")

    def _rotate_installation(self, folder: Path, batch: int, *, new: bool) -> None:
        if new:
            self._put_in_front(folder)
        self._rotate_all(batch)
        time.sleep(SETTLE_SECONDS)
        self._rotate_all(batch)
        newest = datadir.load(folder).master_key.partition(",")[0]
        datadir.update(folder, master_key=newest)
        self.stdout.write(
            "Every secret is under the newest master key, the only one in "
            f"{folder / datadir.FILE}. A backup of the database from before needs the file of its "
            "time."
        )

    def _tell_of_new_key(self) -> None:
        self.stdout.write(
            "The master keys come from RINI_API_MASTER_KEY. Put this one in front of what is "
            "there, with a comma, restart every process, and run `manage.py rotate_keys`:"
        )
        self.stdout.write(_made())

    def _put_in_front(self, folder: Path) -> None:
        """If an interrupted rotation has put one there already, this run finishes that rotation."""
        stored = datadir.load(folder).master_key
        if "," not in stored:
            datadir.update(folder, master_key=f"{_made()},{stored}")
            self.stdout.write(f"{folder / datadir.FILE} has a new master key in front.")

    def _rotate_all(self, batch: int) -> None:
        for _ in range(MOST_ROUNDS):
            broken = [row for field in sealed.fields() for row in self._rotate(field, batch)]
            if broken:
                raise CommandError(
                    f"{len(broken)} secrets could not be opened: {', '.join(broken)}. Their master "
                    "key is not in RINI_API_MASTER_KEY, or they are damaged; the log says which. "
                    "Bring the key back and run this again, or store them anew."
                )
            if not any(sealed.under_other_keys(field).exists() for field in sealed.fields()):
                return
        raise CommandError(
            "A process still seals under an older key. Restart every process with the new "
            "RINI_API_MASTER_KEY, then run this again."
        )

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


def _made() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
