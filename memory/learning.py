"""What was found in a conversation becomes entries: newer ones take the place of older ones, what
says the same adds evidence, and nothing that its user deleted comes back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from billing.models import UsageRecord
from billing.purposes import Purpose
from memory import entries, sources, traces
from memory.extraction import Known, Proposal
from memory.models import (
    Forgotten,
    Memory,
    MemoryType,
    Origin,
    Scope,
    Status,
)
from rini.storage.statements import execute

_KNOWN = 20
"""Entries that a model is shown beside an exchange."""
_CLAIM = """
    INSERT INTO memory_extraction (message_id, user_id, session_id, at) VALUES (%s, %s, %s, now())
    ON CONFLICT (message_id) DO NOTHING RETURNING message_id
"""


def claim(user_id: UUID, session_id: UUID, message_id: int) -> bool:
    """Whether the caller should look through the exchange that ends with this message: nobody has,
    and nobody ever will again by itself."""
    return bool(execute(_CLAIM, [message_id, user_id, session_id]))


def may_spend(user_id: UUID) -> bool:
    """Whether the user's extraction of today has left something of its budget."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    spent = UsageRecord.objects.filter(
        user_id=user_id, purpose=Purpose.MEMORY, created_at__gte=today
    ).aggregate(cost=Sum("cost_nano"))
    return (spent["cost"] or 0) < settings.MEMORY_DAILY_BUDGET


def known(user_id: UUID, session_id: UUID, text: str) -> list[Known]:
    """The entries that fit a text best, for a model to compare with."""
    keys = traces.entries(user_id, text)
    told = Memory.objects.told_in(session_id).filter(user_id=user_id).in_bulk(keys)
    rows = [told[key] for key in keys if key in told][:_KNOWN]
    return [Known(row.pk, row.memory_type, row.content) for row in rows]


def take_in(user: User, session_id: UUID, proposals: Sequence[Proposal]) -> list[Memory]:
    """Make entries of proposals; those that are new, or have new evidence.

    Nothing comes of what rests on a message that is gone, or that the user deleted before. Raises
    `MemoryOff` where it has been switched off meanwhile, and `InvalidInput` for a full memory.
    """
    sources.check_writable(user, session_id)
    made: list[Memory] = []
    with transaction.atomic():
        # Whoever deletes one of them now waits, and takes the evidence along.
        there = sources.conversations().held_messages(user, {one.message_id for one in proposals})
        for proposal in proposals:
            if proposal.message_id in there:
                made += _taken_in(user, session_id, proposal)
    return made


def _taken_in(user: User, session_id: UUID, proposal: Proposal) -> list[Memory]:
    digest = entries.digest(proposal.content)
    if Forgotten.objects.filter(user=user, digest=digest).exists():
        return []
    if proposal.same_as is not None:
        same = Memory.objects.filter(user=user, pk=proposal.same_as).first()
        if same is not None:
            entries.add_evidence(same, [proposal.message_id])
        return [same] if same else []
    fields = {
        "memory_type": proposal.memory_type,
        "scope": Scope.SESSION if proposal.memory_type == MemoryType.SUMMARY else Scope.SHARED,
        "content": proposal.content,
        "importance": proposal.importance,
        "keywords": list(proposal.keywords),
        "source_message_ids": [proposal.message_id],
    }
    status = Status.PENDING if settings.MEMORY_NEEDS_CONFIRMATION else Status.ACTIVE
    memory = entries.create(user, session_id, fields, origin=Origin.EXTRACTED, status=status)
    if proposal.replaces is not None and status == Status.ACTIVE:
        older = Memory.objects.filter(user=user, pk=proposal.replaces).first()
        if older is not None:
            entries.supersede(older, memory, Origin.EXTRACTED)
    return [memory]
