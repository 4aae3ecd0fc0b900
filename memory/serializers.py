"""Entries of memory as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memory.models import Change, Memory, MemoryType, Origin, Scope, Status
from rini.translation import gettext as _
from rini.web.fields import ShortListField

MAX_SOURCES = 1000
MAX_KEYWORDS = 50


class NamedChoice(serializers.ChoiceField):
    """One of some names, read in any case."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            names: Iterable[str] = self.choices
            data = next((name for name in names if name.casefold() == data.casefold()), data)
        return super().to_internal_value(data)


class ContentField(serializers.CharField):
    """What is known, in words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=settings.MAX_MEMORY_CHARACTERS, **kwargs)


class KeywordsField(ShortListField):
    def __init__(self, **kwargs: Any) -> None:
        child = serializers.CharField(max_length=100)
        super().__init__(child=child, max_length=MAX_KEYWORDS, **kwargs)


class MemoryChange(serializers.Serializer[Memory]):
    """What may change of an entry. Where it came from does not."""

    memory_type = NamedChoice(choices=MemoryType.choices, required=False)
    scope = NamedChoice(choices=Scope.choices, required=False)
    content = ContentField(required=False)
    keywords = KeywordsField(required=False)
    importance = serializers.FloatField(required=False, min_value=0, max_value=1)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class NewMemory(serializers.Serializer[Memory]):
    """An entry to be remembered. Without `expires_at` a state lasts for seven days, all else until
    it is superseded."""

    memory_type = NamedChoice(choices=MemoryType.choices, required=False, default=MemoryType.FACT)
    scope = NamedChoice(choices=Scope.choices, required=False, default=Scope.SESSION)
    content = ContentField()
    source_message_ids = ShortListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=MAX_SOURCES,
    )
    keywords = KeywordsField(required=False)
    importance = serializers.FloatField(required=False, min_value=0, max_value=1)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class MemorySerializer(serializers.ModelSerializer[Memory]):
    """Something that is known of the user. `superseded_by` is the entry that took its place."""

    user_id = serializers.UUIDField(read_only=True)
    session_id = serializers.UUIDField(read_only=True, allow_null=True)
    source_message_ids = serializers.SerializerMethodField()
    status = serializers.ChoiceField(Status.choices, source="current_status", read_only=True)
    origin = serializers.ChoiceField(Origin.choices, read_only=True)
    superseded_by = serializers.IntegerField(
        source="superseded_by_id", read_only=True, allow_null=True
    )

    class Meta:
        model = Memory
        fields = (
            *("id", "user_id", "session_id", "memory_type", "scope", "content"),
            *("source_message_ids", "keywords", "importance", "status", "origin"),
            *("valid_from", "valid_until", "expires_at", "timestamp", "superseded_by"),
        )
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_source_message_ids(self, memory: Memory) -> list[int]:
        return sorted(evidence.message_id for evidence in memory.evidence.all())


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """Something that became of an entry: `before` has the changed fields as they were."""

    change = serializers.CharField(source="kind")
    memory_id = serializers.IntegerField()
    before = serializers.DictField()

    class Meta:
        model = Change
        fields = ("id", "memory_id", "change", "origin", "before", "undone", "at")
        read_only_fields = fields


class MemoryFile(serializers.Serializer[Any]):
    """All entries of a user, as `GET /memory/export` gives and `POST /memory/import` takes them."""

    version = serializers.IntegerField(min_value=1, max_value=1)
    memories = serializers.ListField(child=serializers.DictField())

    def validate_memories(self, rows: list[Any]) -> list[Any]:
        if len(rows) > settings.MAX_MEMORIES:
            raise serializers.ValidationError(
                _("At most %(most)s entries.") % {"most": settings.MAX_MEMORIES}
            )
        return rows


class ImportedMemories(serializers.Serializer[Any]):
    """How many entries were taken in, and how many were there already."""

    imported = serializers.IntegerField()
    unchanged = serializers.IntegerField()
