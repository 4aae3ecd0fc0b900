"""Files that users have uploaded, and the documents that bases make of them.

keep ─► UploadedFile ─► attach ─► a document in each base, with the same file in the storage
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from knowledge import documents
from knowledge.models import Document, KnowledgeBase, UploadedFile
from rini.errors import Conflict, NotFound
from rini.storage import files
from rini.storage.background import enqueue
from rini.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Attachment:
    """An uploaded file that is to stand in a base, and its attributes there."""

    file_id: UUID
    attributes: Mapping[str, Any]


def keep(user: User, name: str, data: bytes, purpose: str) -> UploadedFile:
    """Store a file, which is in no base yet."""
    stored = files.save(documents.FOLDER, data, "bin")
    digest = hashlib.sha256(data).hexdigest()
    try:
        return UploadedFile.objects.create(
            user=user,
            name=name,
            purpose=purpose,
            file=stored,
            size=len(data),
            content_hash=digest,
        )
    except Exception:
        files.delete(stored)
        raise


def owned(user: User, file_id: UUID) -> UploadedFile:
    """A file that the user has uploaded. Raises `NotFound`."""
    found = UploadedFile.objects.visible_to(user).filter(id=file_id).first()
    if found is None:
        raise NotFound(_("File %(id)s not found.") % {"id": file_id})
    return found


def readable(user: User, file_id: UUID) -> UploadedFile | Document:
    """A file that the user has uploaded, or that stands in a base which the user may see. Raises
    `NotFound`."""
    mine = UploadedFile.objects.visible_to(user).filter(id=file_id).first()
    if mine is not None:
        return mine
    seen = Document.objects.visible_to(user).filter(of_file(file_id)).defer("text")
    document = seen.order_by("created_at").first()
    return document or owned(user, file_id)


def of_file(file_id: UUID) -> Q:
    """The documents of an uploaded file; one that was added without has its own id for it."""
    return Q(upload=file_id) | Q(upload=None, id=file_id)


@transaction.atomic
def attach(
    user: User,
    base: KnowledgeBase,
    attachments: Sequence[Attachment],
    batch: UUID | None = None,
) -> list[Document]:
    """Have a base make documents of files of the user's, and queue those that are new to it. Of one
    that it has already the attributes and the batch change.

    Raises `NotFound` for a file that is not the user's, and `Conflict` for a base that has just
    been deleted; then nothing is attached.
    """
    # Whoever deletes the base or a file waits: it goes with its documents then.
    if KnowledgeBase.objects.select_for_update().filter(id=base.id).first() is None:
        raise Conflict(_("The knowledge base has just been deleted."))
    ids = [one.file_id for one in attachments]
    mine = UploadedFile.objects.visible_to(user).select_for_update().filter(id__in=ids)
    known = {upload.id: upload for upload in mine.order_by("id")}
    for file_id in ids:
        if file_id not in known:
            raise NotFound(_("File %(id)s not found.") % {"id": file_id})
    there = Document.objects.filter(base=base, upload__in=ids).defer("text")
    present = {document.upload_id: document for document in there}
    attached = [
        _attached(base, known[one.file_id], present.get(one.file_id), one.attributes, batch)
        for one in attachments
    ]
    for document in attached:
        if document.upload_id not in present:
            transaction.on_commit(lambda: enqueue(documents.WORK))
    return attached


@transaction.atomic
def delete(upload: UploadedFile) -> None:
    """Delete a file, and its documents from every base. Whoever works on one writes no more."""
    UploadedFile.objects.select_for_update().filter(id=upload.id).first()  # no new document
    for document in upload.documents.defer("text"):
        documents.delete(document)
    upload.delete()


def _attached(
    base: KnowledgeBase,
    upload: UploadedFile,
    document: Document | None,
    attributes: Mapping[str, Any],
    batch: UUID | None,
) -> Document:
    if document is None:
        return Document.objects.create(
            base=base,
            upload=upload,
            batch=batch,
            name=upload.name,
            attributes=attributes,
            file=upload.file,
            size=upload.size,
            content_hash=upload.content_hash,
        )
    document.attributes, document.batch = dict(attributes), batch
    document.save(update_fields=["attributes", "batch"])
    return document
