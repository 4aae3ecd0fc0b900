"""Large files of conversations: taken in by a worker, one conversation after the other.

    begin ──► waiting ──► running ──► done | failed
                 └──────────┴──► cancelled

What a conversation became and that it was dealt with is one transaction. A worker that dies is
followed by another, which goes on where it was; two at once hinder each other and repeat nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from conversations.files import importing
from conversations.models import ImportStatus, SessionImport
from conversations.room import StorageFull
from rini.errors import Conflict, RiniError, sentence
from rini.storage import files
from rini.storage.background import enqueue
from rini.translation import gettext as _

WORK = "conversations.tasks.import_sessions"
FOLDER = "imports"
AT_ONCE_CONVERSATIONS = 50
"""So many are taken in while their sender waits …"""
AT_ONCE_BYTES = 2 * 1024 * 1024
"""… if they are no larger."""
DEAD_AFTER = timedelta(minutes=2)
"""Reading the largest conversation that is taken takes less."""
MOST_REFUSALS = 100
_OPEN = (ImportStatus.WAITING, ImportStatus.RUNNING)


def is_large(document: Any, size: int) -> bool:
    """Whether a file of `size` bytes is for the background."""
    return isinstance(document, list) and (
        len(document) > AT_ONCE_CONVERSATIONS or (len(document) > 1 and size > AT_ONCE_BYTES)
    )


def begin(user: User, document: Sequence[Any]) -> SessionImport:
    """Keep the file, and have a worker take it in."""
    reference = files.save(FOLDER, orjson.dumps(document), "json")
    job = SessionImport.objects.create(user=user, file_reference=reference, total=len(document))
    transaction.on_commit(lambda: enqueue(WORK, str(job.id)))
    return job


def cancel(job: SessionImport) -> None:
    """End it; what has come in stays. Raises `Conflict` where it has ended already."""
    with transaction.atomic():
        row = SessionImport.objects.select_for_update().get(pk=job.pk)
        if row.status not in _OPEN:
            raise Conflict(_("This import has ended already."))
        _end(row, ImportStatus.CANCELLED)
    job.refresh_from_db()


def left_behind() -> QuerySet[SessionImport]:
    """Those that nobody works on, though they are not at their end."""
    silent = Q(worked_at__lt=timezone.now() - DEAD_AFTER)
    return SessionImport.objects.filter(silent, status__in=_OPEN)


def work_on(job_id: UUID) -> None:
    """Take the import to its end, or as far as nobody else is at it or has cancelled it."""
    job = SessionImport.objects.select_related("user").filter(pk=job_id, status__in=_OPEN).first()
    content = files.read(job.file_reference) if job else None
    if job is None:
        return
    if content is None:
        _finish(job.pk, ImportStatus.FAILED)
        return
    document = orjson.loads(content)
    for place in range(job.taken, job.total):
        if not _take(job, place, document[place]):
            return
    _finish(job.pk, ImportStatus.DONE)


def used(references: Sequence[str]) -> list[str]:
    """Those of some files that an import still needs."""
    rows = SessionImport.objects.filter(file_reference__in=references)
    return list(rows.values_list("file_reference", flat=True))


def _take(job: SessionImport, place: int, conversation: Any) -> bool:
    """Deal with one conversation; whether there is to be a next one."""
    ready: importing.Ready | None = None
    refusal = ""
    try:
        ready = importing.read(conversation, str(place))
    except RiniError as error:
        refusal = sentence(error)
    with transaction.atomic():
        row = SessionImport.objects.select_for_update().filter(pk=job.pk).first()
        if row is None or row.status not in _OPEN or row.taken != place:
            return False
        try:
            if ready is not None:
                with transaction.atomic():
                    row.session_ids.append(str(importing.store(job.user, ready).id))
        except StorageFull as error:
            _refuse(row, place, error.detail)
            _end(row, ImportStatus.FAILED)
            return False
        if refusal:
            _refuse(row, place, refusal)
        row.status, row.taken, row.worked_at = ImportStatus.RUNNING, place + 1, timezone.now()
        row.save()
    return True


def _refuse(row: SessionImport, place: int, detail: str) -> None:
    if len(row.refusals) < MOST_REFUSALS:
        row.refusals.append({"conversation": place, "detail": detail[:500]})


def _finish(job_id: UUID, status: ImportStatus) -> None:
    with transaction.atomic():
        row = SessionImport.objects.select_for_update().filter(pk=job_id).first()
        if row is not None and row.status in _OPEN:
            _end(row, status)


def _end(row: SessionImport, status: ImportStatus) -> None:
    reference, row.file_reference = row.file_reference, ""
    row.status, row.ended_at = status, timezone.now()
    row.save()
    if reference:
        transaction.on_commit(lambda: files.delete(reference))
