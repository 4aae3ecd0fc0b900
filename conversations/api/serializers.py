"""Sessions, messages and requests for answers, as JSON."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.sharing.models import Access
from conversations.answering.tools import built_in
from conversations.answering.tools.toolbox import POLICIES
from conversations.api.fields import (
    MemoryModeField,
    MessageIdField,
    TextField,
    VariablesField,
    check_chat_model,
    check_params,
)
from conversations.models import FinishReason, Generation, Message, Role, Session
from providers.fallback_names import MOST as MOST_FALLBACKS
from rini.errors import NotFound
from rini.money import dollars
from rini.translation import gettext as _
from rini.web.fields import MetadataField, ShortListField


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A conversation. `active_message_id` is the end of the path that is open: setting it chooses
    a branch. Of another user's, which the caller may only read, it is where that was shared, and
    the system prompt, metadata and tags are empty."""

    user_id = serializers.UUIDField(read_only=True)
    owner_id = serializers.UUIDField(source="user_id", read_only=True)
    my_access = serializers.ChoiceField(
        choices=Access.choices, read_only=True, default=Access.WRITE.value
    )
    memory_mode = MemoryModeField(required=False)
    system_prompt = TextField(required=False, allow_blank=True)
    metadata = MetadataField(required=False)
    tags = ShortListField(child=serializers.CharField(max_length=50), required=False, max_length=50)
    active_message_id = MessageIdField(required=False, allow_null=True)

    class Meta:
        model = Session
        fields = [
            "id",
            "user_id",
            "owner_id",
            "my_access",
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
        read_only_fields = ["last_accessed"]

    def validate_model(self, model: str) -> str:
        """A model of the catalogue; raises `InvalidInput` for another."""
        check_chat_model(self, model)
        return model

    def validate_active_message_id(self, message_id: int | None) -> int | None:
        """A message of the session; raises `NotFound` for another's."""
        if message_id is None:
            return None
        if self.instance and self.instance.messages.filter(id=message_id).exists():
            return message_id
        raise NotFound(
            _("Message %(message_id)s is not in this session.") % {"message_id": message_id}
        )


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
            "finish_reason",
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
            "memories",
            "agent_id",
            "agent_version",
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
            "retrieval",
            "recalled",
            "agent_id",
            "agent_version",
            "created_at",
            "finished_at",
        ]


class CallParameters(serializers.Serializer[Any]):
    """What every request for a completion has in common."""

    provider = serializers.CharField(required=False, max_length=50)
    model = serializers.CharField(required=False, max_length=251)
    llm_params = serializers.DictField(required=False, default=dict)
    stream = serializers.BooleanField(required=False, default=False)
    fallbacks = ShortListField(
        child=serializers.CharField(max_length=251),
        required=False,
        max_length=MOST_FALLBACKS,
        allow_null=True,
        help_text="Models to ask in this order where this one does not answer. Left out: those "
        "that the operator has set.",
    )

    def validate_llm_params(self, params: dict[str, Any]) -> dict[str, Any]:
        check_params(params)
        return params


class AnswerParameters(CallParameters):
    """What every request for an answer has that documents, memory, tools or an agent may help with.
    An agent brings what the request does not say itself; `variables` are those of its system
    prompt."""

    tools = ShortListField(
        child=serializers.ChoiceField(sorted(built_in.SPECS)),
        required=False,
        allow_null=True,
        help_text="Tools of Rini's own that the model may call.",
    )
    mcp_connection_ids = ShortListField(
        child=serializers.UUIDField(),
        required=False,
        allow_null=True,
        max_length=50,
        help_text="Connections whose tools the model may call.",
    )
    max_steps = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=50,
        help_text="How often it may call tools and be told what came of it. Usual: once.",
    )
    require_approval = serializers.ChoiceField(
        POLICIES,
        required=False,
        allow_null=True,
        help_text="Which calls wait for a yes, beside those of which their connection says so.",
    )
    memory = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="`false`: this answer is made without what is known of the user.",
    )
    knowledge_base_ids = ShortListField(
        child=serializers.UUIDField(), required=False, max_length=100, allow_null=True
    )
    agent_id = serializers.UUIDField(required=False, allow_null=True)
    agent_version = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Without it the one in use.",
    )
    variables = VariablesField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["llm_params"].get("tools") and (
            attrs.get("tools") or attrs.get("mcp_connection_ids")
        ):
            raise serializers.ValidationError(
                {
                    "llm_params": _(
                        "`tools` in `llm_params` are called by you, those of the request by Rini: "
                        "one answer has one kind."
                    )
                }
            )
        return attrs


class TextCompletionRequest(AnswerParameters):
    """A text for a model, alone or as the next message of a session."""

    text = TextField()
    session_id = serializers.UUIDField(required=False, allow_null=True)
    parent_message_id = MessageIdField(required=False, allow_null=True)


class NewMessage(serializers.Serializer[Any]):
    """A message to store without asking a model."""

    role = serializers.ChoiceField(choices=Role.choices)
    content = TextField()
    parent_message_id = MessageIdField(required=False, allow_null=True, default=None)


class EditRequest(AnswerParameters):
    """Another version of a question."""

    content = TextField()


class RegenerateRequest(AnswerParameters):
    """Another answer; without a model by the one of the session, or of the former answer, with
    passages of the same knowledge bases unless others are named, and of the same agent."""


class TitleRequest(serializers.Serializer[Any]):
    """Who is to think of a title; without a model that of the session, or of its last answer."""

    provider = serializers.CharField(required=False, max_length=50)
    model = serializers.CharField(required=False, max_length=251)


class ChatMessageSerializer(serializers.Serializer[Any]):
    """A message of a conversation that the caller keeps."""

    role = serializers.ChoiceField(choices=["system", "user", "assistant"])
    content = TextField()


class ChatCompletionRequest(CallParameters):
    """A whole conversation for a model; nothing of it is stored."""

    messages: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ChatMessageSerializer(), allow_empty=False, max_length=settings.MAX_MESSAGES
    )


class ImageCompletionRequest(serializers.Serializer[Any]):
    """A form with an image, and what to ask about it."""

    image_file = serializers.FileField(help_text="PNG, JPEG, WebP or GIF.")
    prompt = TextField(required=False, allow_blank=True, default="")
    provider = serializers.CharField(required=False, max_length=50)
    model = serializers.CharField(
        required=False,
        max_length=251,
        help_text="Without it the provider's usual one that sees images.",
    )
    session_id = serializers.UUIDField(required=False)
    parent_message_id = MessageIdField(required=False)
    stream = serializers.BooleanField(required=False, default=False)


class TextCompletionAnswer(serializers.Serializer[Any]):
    """The answer to a text; the session and its messages are null where nothing was stored."""

    response_text = serializers.CharField()
    session_id = serializers.UUIDField(allow_null=True)
    user_message = MessageSerializer(allow_null=True)
    assistant_message = MessageSerializer(allow_null=True)
    citations = serializers.ListField(
        child=serializers.DictField(), help_text="The passages that the answer was given."
    )
    finish_reason = serializers.ChoiceField(FinishReason.choices, allow_null=True)
    prompt_tokens = serializers.IntegerField(allow_null=True)
    completion_tokens = serializers.IntegerField(allow_null=True)
    cost = serializers.CharField(allow_null=True)


class ChatCompletionAnswer(serializers.Serializer[Any]):
    """The answer to a conversation that is not stored."""

    response_text = serializers.CharField()
    finish_reason = serializers.ChoiceField(FinishReason.choices, allow_null=True)
    prompt_tokens = serializers.IntegerField(allow_null=True)
    completion_tokens = serializers.IntegerField(allow_null=True)
    cost = serializers.CharField(allow_null=True)
