"""Files under random names, in the storage that Django is set up with.

A file is stored before the row that names it, and deleted after the commit that deletes the last
such row, so that no row is ever without its file; what a dying process leaves between the two is
swept up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

MAY_BE_UNNAMED_FOR = timedelta(hours=1)
"""A file that is younger may be waiting for its row."""
log = structlog.get_logger(__name__)


def save(folder: str, data: bytes, extension: str) -> str:
    """Store a file; returns its name, as ``folder/3f/3f0c….png``."""
    random = secrets.token_hex(16)
    return default_storage.save(f"{folder}/{random[:2]}/{random}.{extension}", ContentFile(data))


def read(name: str) -> bytes | None:
    """The bytes of a stored file; None if it is not there."""
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def delete(name: str) -> None:
    """Delete a file that no row names."""
    try:
        default_storage.delete(name)
    except OSError as error:
        log.warning("a file could not be deleted; it is swept up later", error=str(error))


def delete_after_commit(name: str, is_used: Callable[[str], bool]) -> None:
    """Delete a file after the current transaction, unless some row still names it then."""
    transaction.on_commit(lambda: None if is_used(name) else delete(name))


def sweep(folder: str, used: Callable[[Sequence[str]], Collection[str]]) -> int:
    """Delete the files in a folder that no row names; how many. `used` says which of some are."""
    limit = timezone.now() - MAY_BE_UNNAMED_FOR
    old = [name for name in _names(folder) if default_storage.get_modified_time(name) < limit]
    kept = set(used(old))
    unused = [name for name in old if name not in kept]
    for name in unused:
        delete(name)
    return len(unused)


def _names(folder: str) -> Iterator[str]:
    if not default_storage.exists(folder):
        return
    for part in default_storage.listdir(folder)[0]:
        for name in default_storage.listdir(f"{folder}/{part}")[1]:
            yield f"{folder}/{part}/{name}"
