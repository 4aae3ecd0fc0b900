"""Entries in files: all of a user's, out and in again, here or elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers

from accounts.models import User
from memory import entries, sources, traces
from memory.models import (
    Change,
    ChangeKind,
    Memory,
    MemoryType,
    Origin,
    Scope,
    Status,
)
from memory.serializers import ContentField, KeywordsField, MemorySerializer, NamedChoice
from rini.errors import InvalidInput
from rini.web.http import validated

VERSION = 1


class _Row(serializers.Serializer[Any]):
    """An entry of a file; what it says beside these is not taken in."""

    id = serializers.IntegerField(required=False, allow_null=True)
    session_id = serializers.UUIDField(required=False, allow_null=True)
    memory_type = NamedChoice(choices=MemoryType.choices, default=MemoryType.FACT)
    scope = NamedChoice(choices=Scope.choices, default=Scope.SHARED)
    content = ContentField()
    source_message_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False
    )
    keywords = KeywordsField(required=False)
    importance = serializers.FloatField(required=False, min_value=0, max_value=1)
    status = serializers.ChoiceField(Status.choices, required=False)
    origin = serializers.ChoiceField(Origin.choices, required=False)
    valid_from = serializers.DateTimeField(required=False)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    timestamp = serializers.DateTimeField(required=False)
    superseded_by = serializers.IntegerField(required=False, allow_null=True)


def export(user: User) -> dict[str, Any]:
    """All entries of a user, those too that are superseded, oldest first."""
    mine = Memory.objects.visible_to(user).prefetch_related("evidence").order_by("timestamp", "id")
    return {"version": VERSION, "memories": MemorySerializer(mine, many=True).data}


def take_in(user: User, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Take the entries of a file in; how many are new, and how many were there already.

    An entry of a session that is not the user's becomes a shared one; messages that are not the
    user's are left out. All are taken in, or none. Raises `InvalidInput`, and `MemoryOff`.
    """
    sources.check_writable(user, None)
    read = [_read(number, row) for number, row in enumerate(rows)]
    entries.check_room(user, len(read))
    there = set(Memory.objects.filter(user=user).values_list("content", "memory_type"))
    new: dict[int, Memory] = {}
    successors: dict[int, int] = {}
    with transaction.atomic():
        for number, fields in enumerate(read):
            if (fields["content"], fields["memory_type"]) in there:
                continue
            there.add((fields["content"], fields["memory_type"]))
            key = fields.pop("id", None) or -number - 1
            if (successor := fields.pop("superseded_by", None)) is not None:
                successors[key] = successor
            new[key] = _store(user, fields)
        for key, successor in successors.items():
            if successor in new:
                Memory.objects.filter(pk=new[key].pk).update(superseded_by=new[successor])
    return len(new), len(read) - len(new)


def _read(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        names: Iterable[str] = _Row().fields
        known = {name: row[name] for name in names if name in row}
        return dict(validated(_Row, known))
    except InvalidInput as error:
        where = {f"memories[{number}].{name}": told for name, told in (error.errors or {}).items()}
        raise InvalidInput(errors=where or {f"memories[{number}]": [error.detail]}) from None


def _store(user: User, fields: dict[str, Any]) -> Memory:
    message_ids = fields.pop("source_message_ids", ())
    session_id = _own_session(user, fields.pop("session_id", None))
    if fields.get("status") == Status.EXPIRED:
        fields["status"] = Status.ACTIVE  # its `expires_at` says the rest
    if session_id is None:
        fields["scope"] = Scope.SHARED
    elif fields["scope"] == Scope.SHARED:
        session_id = None
    memory = Memory.objects.create(user=user, session_id=session_id, **fields)
    entries.add_evidence(memory, sources.conversations().own_messages(user, message_ids))
    Change.objects.create(memory=memory, kind=ChangeKind.CREATED, origin=memory.origin)
    traces.index_entry(memory)
    return memory


def _own_session(user: User, session_id: UUID | None) -> UUID | None:
    if session_id is None:
        return None
    return session_id if sources.conversations().owns(user, session_id) else None
