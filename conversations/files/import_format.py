"""What a file that is imported must look like: Rini's own JSON, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from conversations.api.fields import MemoryModeField, TextField
from conversations.files.exporting import FORMAT, VERSION
from conversations.models import FinishReason, MessageStatus, Role
from rini.translation import gettext as _
from rini.web.fields import MetadataField, ShortListField

_ENDED = [status for status in MessageStatus.values if status != MessageStatus.STREAMING]


class CountField(serializers.IntegerField):
    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True, min_value=0, max_value=2**31 - 1)


class NameField(serializers.CharField):
    def __init__(self, max_length: int) -> None:
        super().__init__(required=False, allow_null=True, max_length=max_length)


class ImportedMessage(serializers.Serializer[Any]):
    """A message of a file. `number` counts from 1, `parent` is the number of an earlier one."""

    number = serializers.IntegerField(min_value=1)
    parent = serializers.IntegerField(  # type: ignore[assignment]  # DRF keeps fields off the class
        min_value=1, allow_null=True
    )
    role = serializers.ChoiceField(choices=Role.choices)
    content = TextField(allow_blank=True)
    reasoning = TextField(allow_blank=True, required=False, default="")
    original_filename = NameField(255)
    mime_type = NameField(100)
    status = serializers.ChoiceField(choices=_ENDED, required=False, default="complete")
    finish_reason = serializers.ChoiceField(
        choices=FinishReason.choices, required=False, allow_null=True
    )
    provider = NameField(50)
    model_used = NameField(200)
    prompt_tokens = CountField()
    completion_tokens = CountField()
    token_count = CountField()
    response_time_ms = CountField()
    time_to_first_token_ms = CountField()
    cost = serializers.DecimalField(
        max_digits=18, decimal_places=9, required=False, allow_null=True, min_value=Decimal(0)
    )
    citations = serializers.ListField(required=False, default=list)
    tool_calls = serializers.ListField(required=False, default=list)
    created_at = serializers.DateTimeField(required=False, default=timezone.now)


class ImportedSession(serializers.Serializer[Any]):
    alias = serializers.CharField(
        allow_blank=True, max_length=200, required=False, default="", trim_whitespace=False
    )
    system_prompt = TextField(allow_blank=True, required=False, default="")
    memory_mode = MemoryModeField(required=False, default="AUTO")
    model = serializers.CharField(allow_blank=True, max_length=251, required=False, default="")
    metadata = MetadataField(required=False, default=dict)
    tags = ShortListField(
        child=serializers.CharField(max_length=50), max_length=50, required=False, default=list
    )
    pinned = serializers.BooleanField(required=False, default=False)
    archived = serializers.BooleanField(required=False, default=False)
    created_at = serializers.DateTimeField(required=False, default=timezone.now)
    active_message = serializers.IntegerField(required=False, allow_null=True, default=None)


class ImportedFile(serializers.Serializer[Any]):
    """Rini's own JSON, as ``GET /sessions/{id}/export`` gives it."""

    format = serializers.ChoiceField(choices=[FORMAT])
    version = serializers.IntegerField(min_value=VERSION, max_value=VERSION)
    session = ImportedSession()
    messages: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ImportedMessage(), max_length=settings.MAX_IMPORTED_MESSAGES
    )

    def validate_messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for place, message in enumerate(messages, 1):
            if message["number"] != place:
                raise serializers.ValidationError(
                    _("Message %(place)s has the number %(number)s.")
                    % {"place": place, "number": message["number"]}
                )
            if message["parent"] is not None and message["parent"] >= place:
                raise serializers.ValidationError(
                    _("The parent of message %(place)s is not an earlier one.") % {"place": place}
                )
        return messages

    def validate(self, file: dict[str, Any]) -> dict[str, Any]:
        active = file["session"]["active_message"]
        if active is not None and not 1 <= active <= len(file["messages"]):
            raise serializers.ValidationError(
                {"session": {"active_message": [_("No such message.")]}}
            )
        return file
