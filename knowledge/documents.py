"""Documents as their users put them into a base, stop them and take them out.

add, replace, reprocess ─► queued ─► ingestion ─► ready | failed | cancelled
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from knowledge import queue
from knowledge.models import WORKING, Document, DocumentStatus, KnowledgeBase, UploadedFile
from rini.errors import Conflict
from rini.storage import files
from rini.storage.background import enqueue
from rini.translation import gettext as _

FOLDER = "documents"
WORK = "knowledge.tasks.ingest_next"


def add(base: KnowledgeBase, name: str, data: bytes | None, fields: Mapping[str, Any]) -> Document:
    """Store a document and queue it. `fields` are its external id, source, attributes, and the url
    of one that is still to be fetched, whose `data` is None.

    Raises `Conflict` for an external id that the base has already.
    """
    stored = _stored(data)
    try:
        with transaction.atomic():
            document = Document.objects.create(base=base, name=name, **stored, **fields)
            transaction.on_commit(lambda: enqueue(WORK))
    except IntegrityError:
        _discard(stored)
        if not KnowledgeBase.objects.filter(id=base.id).exists():
            raise Conflict(_("The knowledge base has just been deleted.")) from None
        raise _taken(fields.get("external_id")) from None
    except Exception:
        _discard(stored)
        raise
    return document


def change(document: Document, fields: Mapping[str, Any]) -> None:
    """Change the name, external id, source or attributes of a document.

    Raises `Conflict` for an external id that another document of the base has.
    """
    try:
        with transaction.atomic():
            Document.objects.filter(id=document.id).update(**fields)
    except IntegrityError:
        raise _taken(fields.get("external_id")) from None


def replace(document: Document, data: bytes | None) -> None:
    """Give a document other bytes, or (None) have it fetched anew, and queue it. Whoever works on
    it writes no more; searches find the former passages until the new ones are ready."""
    stored = _stored(data)
    try:
        with transaction.atomic():
            former = Document.objects.select_for_update().defer("text").get(id=document.id)
            Document.objects.filter(id=document.id).update(leased_until=None, **stored, **_queued())
            former.chunks.filter(live=False).delete()
            if stored:
                forget(former)
            transaction.on_commit(lambda: enqueue(WORK))
    except Document.DoesNotExist:
        _discard(stored)
        raise Conflict(_("The document has just been deleted.")) from None
    except Exception:
        _discard(stored)
        raise


def keep_fetched(document: Document, data: bytes) -> None:
    """Store what the address of a claimed document answered. Raises `Superseded`."""
    stored = _stored(data)
    try:
        with transaction.atomic():
            queue.write(document, **stored)
            forget(document)
    except BaseException:
        _discard(stored)
        raise
    document.file = stored["file"]


def reprocess(document: Document) -> None:
    """Read a document anew; searches find what it was until that is done."""
    Document.objects.filter(id=document.id).exclude(status__in=WORKING).update(**_queued())
    transaction.on_commit(lambda: enqueue(WORK))


@transaction.atomic
def cancel(document: Document) -> None:
    """Stop the work on a document; what it had written is deleted. One that has ended stays."""
    unfinished = Document.objects.filter(
        id=document.id, status__in=[DocumentStatus.QUEUED, *WORKING]
    )
    # The lock of this update is what a worker's next write waits for, and then finds it cancelled.
    if unfinished.update(status=DocumentStatus.CANCELLED, leased_until=None):
        document.chunks.filter(live=False).delete()


@transaction.atomic
def delete(document: Document) -> None:
    """Delete a document with its passages and its file. Whoever works on it writes no more."""
    Document.objects.filter(id=document.id).update(status=DocumentStatus.CANCELLED)
    document.delete()


def forget(deleted: Document | UploadedFile) -> None:
    """After the commit delete the file of a deleted row, unless another has it too."""
    if deleted.file:  # an address that was never fetched has none
        files.delete_after_commit(deleted.file, _is_used)


def sweep() -> int:
    """Delete the files that no row has and that are not just being stored; how many."""
    return files.sweep(FOLDER, _used)


def _stored(data: bytes | None) -> dict[str, Any]:
    """Store the bytes of a document; the columns that say so. Without bytes: none."""
    if data is None:
        return {}
    return {
        "file": files.save(FOLDER, data, "bin"),
        "size": len(data),
        "content_hash": hashlib.sha256(data).hexdigest(),
    }


def _discard(stored: Mapping[str, Any]) -> None:
    """Delete the file of columns that were not written."""
    if stored:
        files.delete(stored["file"])


def _queued() -> dict[str, Any]:
    """The columns of a document that waits for its first try."""
    return {
        "status": DocumentStatus.QUEUED,
        "progress": 0,
        "error": "",
        "tries": 0,
        "not_before": timezone.now(),
    }


def _taken(external_id: str | None) -> Conflict:
    return Conflict(
        _(
            "The knowledge base has a document with the external id %(external_id)r. "
            "Delete it first."
        )
        % {"external_id": external_id}
    )


def _is_used(name: str) -> bool:
    return bool(_used([name]))


def _used(names: Sequence[str]) -> list[str]:
    of_documents = Document.objects.filter(file__in=names).values_list("file", flat=True)
    of_uploads = UploadedFile.objects.filter(file__in=names).values_list("file", flat=True)
    return list(of_documents.union(of_uploads))
