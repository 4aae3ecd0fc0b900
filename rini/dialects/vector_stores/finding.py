"""What the addresses name: stores, files and batches that the caller may see. Sync."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from starlette.requests import Request

from accounts.models import User
from knowledge import bases, uploads
from knowledge.models import Document, KnowledgeBase
from rini.dialects.vector_stores import ids
from rini.errors import NotFound
from rini.translation import gettext as _

_PARAMETERS = {
    ids.STORE: "vector_store_id",
    ids.FILE: "file_id",
    ids.BATCH: "batch_id",
}


def id_in(request: Request, kind: str) -> UUID:
    """The id of a `kind` in the request's path. Raises `NotFound` for what is none."""
    name = request.path_params[_PARAMETERS[kind]]
    found = ids.read(kind, name)
    if found is None:
        raise NotFound(_("There is nothing with the id %(name)s.") % {"name": name[:80]})
    return found


def store(user: User, base_id: UUID) -> KnowledgeBase:
    [base] = bases.all_of(user, [base_id])
    return base


def store_file(base: KnowledgeBase, file_id: UUID) -> Document:
    document = base.documents.defer("text").filter(uploads.of_file(file_id)).first()
    if document is None:
        raise NotFound(
            _("File %(name)s is not in this vector store.") % {"name": ids.named(ids.FILE, file_id)}
        )
    return document


def batch(base: KnowledgeBase, batch_id: UUID) -> QuerySet[Document]:
    """The documents of a batch."""
    found = base.documents.defer("text").filter(batch=batch_id)
    if not found.exists():
        raise NotFound(
            _("There is no batch %(name)s in this vector store.")
            % {"name": ids.named(ids.BATCH, batch_id)}
        )
    return found
