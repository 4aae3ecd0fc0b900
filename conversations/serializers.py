"""Sessions, messages and requests for answers, as JSON."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conversations.models import Generation, MemoryMode, Message, Session
from rini.money import dollars


class MemoryModeField(serializers.ChoiceField):
    """``AUTO``, ``EXPLICIT`` or ``DISABLED``, read in any case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=MemoryMode.choices, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.upper() if isinstance(data, str) else data)


class TextField(serializers.CharField):
    """A text of a conversation: kept as it is written, blanks at its ends too."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        kwargs.setdefault("max_length", settings.MAX_TEXT_CHARACTERS)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Give a text.")
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not data.strip() and not self.allow_blank:
            raise serializers.ValidationError("This text is empty.")
        return super().run_validation(data)


class SessionSerializer(serializers.ModelSerializer[Session]):
    user_id = serializers.UUIDField(read_only=True)
    memory_mode = MemoryModeField(required=False)
    system_prompt = TextField(required=False, allow_blank=True)
    metadata = serializers.DictField(required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, max_length=50
    )

    class Meta:
        model = Session
        fields = [
            "id",
            "user_id",
            "alias",
            "system_prompt",
            "memory_mode",
            "model",
            "metadata",
            "tags",
            "pinned",
            "archived",
            "active_message_id",
            "created_at",
            "updated_at",
            "last_accessed",
        ]
        read_only_fields = ["pinned", "archived", "last_accessed"]


class MessageSerializer(serializers.ModelSerializer[Message]):
    session_id = serializers.UUIDField(read_only=True)
    user_id = serializers.UUIDField(read_only=True)
    cost = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = [
            "id",
            "session_id",
            "user_id",
            "parent_message_id",
            "role",
            "content",
            "reasoning",
            "file_reference",
            "original_filename",
            "mime_type",
            "status",
            "model_used",
            "provider",
            "prompt_tokens",
            "completion_tokens",
            "token_count",
            "response_time_ms",
            "time_to_first_token_ms",
            "cost",
            "citations",
            "tool_calls",
            "created_at",
        ]

    @extend_schema_field({"type": "string", "nullable": True, "example": "0.000123456"})
    def get_cost(self, message: Message) -> str | None:
        return dollars(message.cost_nano)


class GenerationSerializer(serializers.ModelSerializer[Generation]):
    session_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Generation
        fields = [
            "id",
            "session_id",
            "user_message_id",
            "assistant_message_id",
            "provider",
            "model",
            "status",
            "problem",
            "created_at",
            "finished_at",
        ]


_OWN_FIELDS = frozenset({"model", "messages", "stream", "stream_options", "n"})


class CallParameters(serializers.Serializer[Any]):
    """What every request for a completion has in common."""

    provider = serializers.CharField(required=False, max_length=50)
    model = serializers.CharField(required=False, max_length=251)
    llm_params = serializers.DictField(required=False, default=dict)
    stream = serializers.BooleanField(required=False, default=False)

    def validate_llm_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """What the request says in fields of its own is not said again in the parameters."""
        if taken := sorted(_OWN_FIELDS & params.keys()):
            raise serializers.ValidationError(
                f"{', '.join(taken)}: not possible here; use the request's own fields."
            )
        return params


class TextCompletionRequest(CallParameters):
    """A text for a model, alone or as the next message of a session."""

    text = TextField()
    session_id = serializers.UUIDField(required=False, allow_null=True)
    parent_message_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1
    )


class ChatMessageSerializer(serializers.Serializer[Any]):
    """A message of a conversation that the caller keeps."""

    role = serializers.ChoiceField(choices=["system", "user", "assistant"])
    content = TextField()


class ChatCompletionRequest(CallParameters):
    """A whole conversation for a model; nothing of it is stored."""

    messages = ChatMessageSerializer(many=True, allow_empty=False)


class TextCompletionAnswer(serializers.Serializer[Any]):
    """The answer to a text; the session and its messages are null where nothing was stored."""

    response_text = serializers.CharField()
    session_id = serializers.UUIDField(allow_null=True)
    user_message = MessageSerializer(allow_null=True)
    assistant_message = MessageSerializer(allow_null=True)
    prompt_tokens = serializers.IntegerField(allow_null=True)
    completion_tokens = serializers.IntegerField(allow_null=True)
    cost = serializers.CharField(allow_null=True)


class ChatCompletionAnswer(serializers.Serializer[Any]):
    """The answer to a conversation that is not stored."""

    response_text = serializers.CharField()
    prompt_tokens = serializers.IntegerField(allow_null=True)
    completion_tokens = serializers.IntegerField(allow_null=True)
    cost = serializers.CharField(allow_null=True)


def message_data(message: Message) -> dict[str, Any]:
    """A message as JSON-ready values."""
    return dict(MessageSerializer(message).data)


def terminal_data(generation: Generation) -> dict[str, Any]:
    """What the terminal event of an ended generation says beside its type."""
    message = generation.assistant_message
    data: dict[str, Any] = {
        "message": message_data(message),
        "usage": {
            "prompt_tokens": message.prompt_tokens,
            "completion_tokens": message.completion_tokens,
            "cost": dollars(message.cost_nano),
        },
    }
    return data | ({"problem": generation.problem} if generation.problem else {})
