"""`manage.py ingest FOLDER --base ID`: put the files of a folder into a knowledge base.

A file's external id is its path within the folder. Files that the base has with the same bytes are
left alone, so a run that was interrupted is taken up by running it again, and one that follows a
changed folder puts only what has changed.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from knowledge import syncing
from knowledge.models import WORKING, DocumentStatus, KnowledgeBase

LOOK_EVERY = 2.0
"""Seconds between two looks at how far the workers are."""


class Command(BaseCommand):
    help = "Put the files of a folder into a knowledge base; run it again to go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--base", type=UUID, required=True, help="the id of the base")
        parser.add_argument(
            "--delete-missing",
            action="store_true",
            help="delete the base's documents with external ids that are not in the folder",
        )
        parser.add_argument(
            "--wait", action="store_true", help="until every document is ready or has failed"
        )

    def handle(
        self, *, folder: Path, base: UUID, delete_missing: bool, wait: bool, **options: Any
    ) -> None:
        found = KnowledgeBase.objects.filter(id=base).first()
        if found is None:
            raise CommandError(f"There is no knowledge base {base}.")
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        files = _files(folder)
        hashes = {name: _sha256(path) for name, path in files.items()}
        compared = syncing.compare(found, hashes, delete_missing=delete_missing)
        self.stdout.write(f"{compared['unchanged']} of {len(files)} files are there already.")
        if gone := compared.get("deleted"):
            self.stdout.write(f"{len(gone)} documents were deleted.")
        upload = compared["upload"]
        for number, name in enumerate(upload, 1):
            path = files[name]
            syncing.put(found, path.name, path.read_bytes(), {"external_id": name})
            self.stdout.write(f"{number}/{len(upload)} {name}")
        if wait:
            self._wait(found)

    def _wait(self, base: KnowledgeBase) -> None:
        """Say how many documents have which status until nothing more is to be done."""
        while True:
            rows = base.documents.order_by("status").values_list("status")
            counts = dict(rows.annotate(Count("id")))
            told = ", ".join(f"{count} {status}" for status, count in counts.items())
            self.stdout.write(told or "The base is empty.")
            if not counts.keys() & {DocumentStatus.QUEUED, *WORKING}:
                break
            time.sleep(LOOK_EVERY)
        for document in base.documents.filter(status=DocumentStatus.FAILED).defer("text"):
            self.stdout.write(f"{document.external_id or document.name}: {document.error}")


def _files(folder: Path) -> dict[str, Path]:
    """The files in a folder and its folders, by external id. Hidden ones are left out.

    Raises `CommandError` for a path that is too long to be an id.
    """
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    shown = {
        inner.as_posix(): path
        for inner, path in paths.items()
        if not any(part.startswith(".") for part in inner.parts)
    }
    for name in shown:
        if len(name) > 255:
            raise CommandError(f"The path {name} has more than 255 characters.")
    return shown


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
