"""What is read of whole sessions, and of the tree around a message, as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from conversations.api.fields import MessageIdField
from conversations.api.serializers import MessageSerializer
from conversations.models import MessageStatus, Role
from conversations.tree import Siblings


class PlacedMessage(MessageSerializer):
    """A message with its place in the tree: the versions of it, itself among them, oldest first.

    Of many the ids of those around it; `sibling_count` is of all.
    """

    sibling_ids = serializers.SerializerMethodField()
    sibling_count = serializers.SerializerMethodField()

    class Meta(MessageSerializer.Meta):
        fields = [*MessageSerializer.Meta.fields, "sibling_ids", "sibling_count"]

    def get_sibling_ids(self, message: Any) -> list[int]:
        return self._siblings(message).ids

    def get_sibling_count(self, message: Any) -> int:
        return self._siblings(message).count

    def _siblings(self, message: Any) -> Siblings:
        siblings: dict[int, Siblings] = self.context["siblings"]
        return siblings[message.pk]


class NodeSerializer(serializers.Serializer[Any]):
    """A message in the tree of its session; `preview` is the beginning of its text."""

    id = serializers.IntegerField()
    parent_message_id = serializers.IntegerField(allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices)
    preview = serializers.CharField()
    status = serializers.ChoiceField(choices=MessageStatus.choices)
    provider = serializers.CharField(allow_null=True)
    model_used = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    child_ids = serializers.ListField(child=serializers.IntegerField())


class TreeSerializer(serializers.Serializer[Any]):
    """The messages of all branches as one list, oldest first; `child_ids` shows the branches."""

    session_id = serializers.UUIDField()
    active_message_id = serializers.IntegerField(allow_null=True)
    root_ids = serializers.ListField(child=serializers.IntegerField())
    messages = NodeSerializer(many=True)


class ForkRequest(serializers.Serializer[Any]):
    """Where the new session's path is to end."""

    message_id = MessageIdField()


class SessionSummary(serializers.Serializer[Any]):
    """A session in numbers. Tokens, cost and models are of all its calls, titles and summaries
    too; the cost is of the calls whose price is known."""

    session_id = serializers.UUIDField()
    message_count = serializers.IntegerField()
    user_message_count = serializers.IntegerField()
    assistant_message_count = serializers.IntegerField()
    first_message_at = serializers.DateTimeField(allow_null=True)
    last_message_at = serializers.DateTimeField(allow_null=True)
    calls = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    cost = serializers.CharField(help_text="US dollars, nine places.")
    unpriced_calls = serializers.IntegerField()
    models = serializers.ListField(child=serializers.CharField())


class HitSerializer(serializers.Serializer[Any]):
    """What a search found: a message, or a session by its title (the message's fields are null)."""

    session_id = serializers.UUIDField(source="session.id")
    session_alias = serializers.CharField(source="session.alias")
    message_id = serializers.IntegerField(source="message.id", default=None, allow_null=True)
    role = serializers.CharField(source="message.role", default=None, allow_null=True)
    snippet = serializers.CharField(help_text="The text around the first thing found.")
    rank = serializers.FloatField(help_text="Higher is better; comparable within one search.")
    created_at = serializers.DateTimeField()
