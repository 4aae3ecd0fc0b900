"""Knowledge bases as their owners make and delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.authentication import Caller
from accounts.models import User
from knowledge import keywords, nearest, vectors
from knowledge.models import Document, DocumentStatus, KnowledgeBase
from rini.errors import Forbidden, NotFound
from rini.translation import gettext as _


def counted(user: User) -> QuerySet[KnowledgeBase]:
    """The bases that a user may see, the newest first, each with `document_count`, `chunk_count`
    and `my_access`."""
    return (
        KnowledgeBase.objects.visible_to(user)
        .with_access(user)
        .annotate(
            document_count=Count("documents"),
            chunk_count=Coalesce(Sum("documents__chunk_count"), 0),
        )
        .order_by("-created_at", "-id")
    )


def create(caller: Caller, fields: Mapping[str, Any]) -> KnowledgeBase:
    """A new base; where no embedding model is named, with the one of this machine.

    Raises `InvalidInput` and what else speaks against the model.
    """
    model = fields.get("embedding_model", vectors.usual_model())
    vectors.check(caller, model)
    told = {**fields, "embedding_model": model}
    if "chunk_size" in told and "chunk_overlap" not in told:
        told["chunk_overlap"] = told["chunk_size"] // 8
    return KnowledgeBase.objects.create(user=caller.user, **told)


def owned(user: User, base_id: UUID) -> KnowledgeBase:
    """A base of the user's own. Raises `NotFound`, and `Forbidden` for one that is shared with
    them."""
    base = _visible(user, base_id)
    if base.user_id != user.pk:
        raise Forbidden(_("Only its owner changes or deletes this knowledge base."))
    return base


def changeable(user: User, base_id: UUID) -> KnowledgeBase:
    """A base that the user may put documents into, and take them out of. Raises `NotFound`, and
    `Forbidden` for one that they may only read."""
    if base := KnowledgeBase.objects.changeable_by(user).filter(id=base_id).first():
        return base
    _visible(user, base_id)
    raise Forbidden(_("This knowledge base is shared with you only to be read."))


def _visible(user: User, base_id: UUID) -> KnowledgeBase:
    [base] = all_of(user, [base_id])
    return base


def all_of(user: User, ids: Sequence[UUID]) -> list[KnowledgeBase]:
    """The bases of these ids. Raises `NotFound` unless the user may see every one."""
    found = list(KnowledgeBase.objects.visible_to(user).filter(id__in=ids))
    if missing := set(ids) - {base.id for base in found}:
        raise NotFound(_("Knowledge base %(id)s not found.") % {"id": min(missing)})
    return found


def sizes(bases: Sequence[KnowledgeBase]) -> dict[UUID, int]:
    """How many passages of each base searches see."""
    counted = (
        Document.objects.filter(base__in=bases)
        .order_by()
        .values_list("base_id")
        .annotate(Sum("chunk_count"))
    )
    return {base.id: 0 for base in bases} | dict(counted)


def tend(base_id: UUID) -> None:
    """Keep up with what a base has grown to: which of its terms are common, and its index. Not
    within a transaction."""
    base = KnowledgeBase.objects.filter(id=base_id).first()
    if base is not None:
        passages = sizes([base])[base.id]
        keywords.recount(base, passages)
        nearest.build(base, passages)


@transaction.atomic
def delete(base: KnowledgeBase) -> None:
    """Delete a base with its documents and their files. Whoever works on one writes no more."""
    KnowledgeBase.objects.select_for_update().filter(id=base.id).first()  # no new document
    base.documents.update(status=DocumentStatus.CANCELLED, leased_until=None)
    base.delete()
