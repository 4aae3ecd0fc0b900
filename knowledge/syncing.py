"""Bases that follow a source: documents with addresses of their own, their external ids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from knowledge import documents
from knowledge.models import Document, DocumentStatus, KnowledgeBase


def put(base: KnowledgeBase, name: str, data: bytes | None, fields: Mapping[str, Any]) -> Document:
    """Store a document in place of the one with its external id, which is one of `fields`.

    With the same bytes it is read again only where that had failed or been stopped. An address
    (`data` is None) is fetched again: only then is known what it answers. Raises `Conflict` where
    another request has just added or deleted the document.
    """
    former = base.documents.filter(external_id=fields["external_id"]).defer("text").first()
    if former is None:
        return documents.add(base, name, data, fields)
    documents.change(former, {"name": name, "url": "", **fields})
    if data is None or former.content_hash != hashlib.sha256(data).hexdigest():
        documents.replace(former, data)
    elif former.status in (DocumentStatus.FAILED, DocumentStatus.CANCELLED):
        documents.reprocess(former)
    former.refresh_from_db()
    return former


@transaction.atomic
def compare(
    base: KnowledgeBase, hashes: Mapping[str, str], *, delete_missing: bool
) -> dict[str, Any]:
    """What a base lacks of its source, whose documents' SHA-256 `hashes` has by their external ids;
    how many are the same; and what only the base has, which is deleted if that is asked for."""
    with_ids = base.documents.filter(external_id__isnull=False)
    known = dict(with_ids.values_list("external_id", "content_hash"))
    upload = [name for name, digest in hashes.items() if known.get(name) != digest.lower()]
    missing = sorted(name for name in known if name is not None and name not in hashes)
    if delete_missing:
        for document in with_ids.filter(external_id__in=missing).defer("text"):
            documents.delete(document)
    return {
        "upload": upload,
        "unchanged": len(hashes) - len(upload),
        "deleted" if delete_missing else "would_delete": missing,
    }
