"""Entries as people, models and extraction make, change, undo and delete them.

Every function is one transaction, and leaves a `Change` behind, by which it can be undone. Nothing
is written where memory is off (`sources.check_writable`); reading and deleting always work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import User
from memory import sources, traces
from memory.models import (
    LASTING,
    Change,
    ChangeKind,
    Evidence,
    Forgotten,
    Memory,
    MemoryType,
    Origin,
    Scope,
    Status,
)
from rini import lexical
from rini.errors import Conflict, InvalidInput, NotFound
from rini.translation import gettext as _

_MOMENTS = ("valid_from", "valid_until", "expires_at")


def create(
    user: User,
    session_id: UUID | None,
    fields: Mapping[str, Any],
    *,
    origin: Origin = Origin.MANUAL,
    status: Status = Status.ACTIVE,
) -> Memory:
    """A new entry. `fields` are those of the API: ``memory_type``, ``scope``, ``content`` and, if
    they are told, ``source_message_ids``, ``keywords``, ``importance``, ``expires_at``.

    Raises `MemoryOff`, `NotFound` for a session or messages that are not the user's own, and
    `InvalidInput` where the user has too many entries.
    """
    sources.check_writable(user, session_id)
    told = {name: value for name, value in fields.items() if name != "source_message_ids"}
    if told["scope"] == Scope.SHARED:
        session_id = None
    elif session_id is None:
        raise InvalidInput(errors={"scope": [_("An entry of a session needs a session.")]})
    message_ids = own_sources(user, fields.get("source_message_ids") or ())
    check_room(user, 1)
    if told.get("expires_at") is None:
        told["expires_at"] = _usual_end(told["memory_type"])
    with transaction.atomic():
        memory = Memory.objects.create(
            user=user, session_id=session_id, origin=origin, status=status, **told
        )
        add_evidence(memory, message_ids)
        _note(memory, ChangeKind.CREATED, origin)
        traces.index_entry(memory)
        Forgotten.objects.filter(user=user, digest=digest(memory.content)).delete()
    return memory


def edit(memory: Memory, fields: Mapping[str, Any]) -> Memory:
    """Change an entry as its user. Raises `MemoryOff`, and `Conflict` for a superseded one."""
    sources.check_writable(memory.user, memory.session_id)
    with transaction.atomic():
        memory = _locked(memory)
        if memory.status == Status.SUPERSEDED:
            raise Conflict(_("This entry is superseded: change the one that took its place."))
        told = dict(fields)
        if told.get("scope") == Scope.SHARED:
            told["session_id"] = None
        elif told.get("scope") == Scope.SESSION and memory.session_id is None:
            raise InvalidInput(errors={"scope": [_("A shared entry belongs to no session.")]})
        changed = {name: value for name, value in told.items() if getattr(memory, name) != value}
        if changed:
            _change(memory, ChangeKind.EDITED, Origin.MANUAL, changed)
            traces.index_entry(memory)
    return memory


def confirm(memory: Memory) -> Memory:
    """The user's yes to an entry that waits for it. Raises `Conflict` for one that does not."""
    with transaction.atomic():
        memory = _locked(memory)
        if memory.status != Status.PENDING:
            raise Conflict(_("This entry does not wait for a yes."))
        _change(memory, ChangeKind.CONFIRMED, Origin.MANUAL, {"status": Status.ACTIVE})
    return memory


def supersede(old: Memory, new: Memory, origin: Origin) -> None:
    """Have a newer entry take the place of an older one; both stay. Within a transaction."""
    old = _locked(old)
    if old.status == Status.SUPERSEDED or old.pk == new.pk:
        return
    changes = {"status": Status.SUPERSEDED, "valid_until": new.valid_from, "superseded_by": new}
    _change(old, ChangeKind.SUPERSEDED, origin, changes)


def undo(memory: Memory) -> Memory | None:
    """Take back what last became of an entry; None if that was that it was made, and it is gone.

    Raises `Conflict` where nothing is left to take back.
    """
    with transaction.atomic():
        memory = _locked(memory)
        last = memory.changes.filter(undone=False).exclude(kind=ChangeKind.RESTORED).last()
        if last is None:
            raise Conflict(_("There is nothing to take back."))
        if last.kind == ChangeKind.CREATED:
            _forget(memory.user, [memory])
            return None
        Change.objects.filter(pk=last.pk).update(undone=True)
        _change(memory, ChangeKind.RESTORED, Origin.MANUAL, _values(last.before))
        traces.index_entry(memory)
    return memory


def delete(user: User, entries: QuerySet[Memory]) -> int:
    """Delete entries for good, as their user; how many. What they took the place of comes back, and
    extraction does not make them again."""
    with transaction.atomic():
        found = list(entries.select_for_update())
        _forget(user, found)
    return len(found)


def _forget(user: User, found: Sequence[Memory]) -> None:
    ids = {memory.pk for memory in found}
    for older in Memory.objects.filter(superseded_by__in=ids).exclude(pk__in=ids):
        before = older.changes.filter(kind=ChangeKind.SUPERSEDED, undone=False).last()
        if before:
            Change.objects.filter(pk=before.pk).update(undone=True)
            _change(older, ChangeKind.RESTORED, Origin.MANUAL, _values(before.before))
    digests = {digest(memory.content) for memory in found}
    Forgotten.objects.bulk_create(
        [Forgotten(user=user, digest=one) for one in digests], ignore_conflicts=True
    )
    Memory.objects.filter(pk__in=ids).delete()


def own_sources(user: User, message_ids: Collection[int]) -> list[int]:
    """The ids, once each. Raises `NotFound` unless every message is the user's own."""
    own = sources.conversations().own_messages(user, message_ids) if message_ids else {}
    if missing := set(message_ids) - own.keys():
        raise NotFound(_("Message %(id)s not found.") % {"id": min(missing)})
    return sorted(own)


def add_evidence(memory: Memory, message_ids: Iterable[int]) -> None:
    Evidence.objects.bulk_create(
        [Evidence(memory=memory, message_id=id_) for id_ in message_ids], ignore_conflicts=True
    )


def digest(content: str) -> str:
    """What entries that say the same in other spellings have in common."""
    return hashlib.sha256(" ".join(lexical.terms(content)).encode()).hexdigest()


def check_room(user: User, count: int) -> None:
    """Raise `InvalidInput` where a user has no room for so many entries more."""
    there = Memory.objects.filter(user=user).count()
    if there + count > settings.MAX_MEMORIES:
        raise InvalidInput(
            _("You have %(count)s entries of %(most)s. Delete some first.")
            % {"count": there, "most": settings.MAX_MEMORIES}
        )


def _usual_end(memory_type: str) -> datetime | None:
    lasting = LASTING.get(MemoryType(memory_type))
    return timezone.now() + lasting if lasting else None


def _locked(memory: Memory) -> Memory:
    """The entry as it is now; nobody else changes it until the end of the transaction."""
    locked = Memory.objects.select_related("user").select_for_update(of=("self",))
    found = locked.filter(pk=memory.pk).first()
    if found is None:
        raise NotFound(_("Memory %(id)s not found.") % {"id": memory.pk})
    return found


def _change(memory: Memory, kind: ChangeKind, origin: Origin, values: Mapping[str, Any]) -> None:
    before = {name: _told(getattr(memory, name)) for name in values}
    for name, value in values.items():
        setattr(memory, name, value)
    memory.updated_at = timezone.now()
    memory.save(update_fields=[*values, "updated_at"])
    _note(memory, kind, origin, before)


def _note(
    memory: Memory, kind: ChangeKind, origin: Origin, before: Mapping[str, Any] | None = None
) -> None:
    Change.objects.create(memory=memory, kind=kind, origin=origin, before=before or {})


def _told(value: Any) -> Any:
    """A field's value as `Change.before` keeps it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value.pk if isinstance(value, Memory) else value


def _values(before: Mapping[str, Any]) -> dict[str, Any]:
    """`_told`, back."""
    values = dict(before)
    for name in _MOMENTS:
        if values.get(name):
            values[name] = parse_datetime(values[name])
    if "superseded_by" in values:
        newer = values.pop("superseded_by")
        values["superseded_by"] = Memory.objects.filter(pk=newer).first() if newer else None
    if values.get("session_id"):
        values["session_id"] = UUID(values["session_id"])
    return values
