"""Sessions, messages and requests for answers, as JSON."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.authentication import caller_in
from accounts.sharing.models import Access
from conversations.agents import variables
from conversations.models import FinishReason, Generation, MemoryMode, Message, Role, Session
from providers import bounds, demands
from providers.models import ModelKind
from providers.naming import find_model
from rini.errors import InvalidInput, NotFound
from rini.money import dollars
from rini.translation import gettext as _
from rini.web.fields import MetadataField, ShortListField

MAX_VARIABLES, MAX_VARIABLE_CHARACTERS = 50, 10_000


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
            raise serializers.ValidationError(_("Give a text."))
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not data.strip() and not self.allow_blank:
            raise serializers.ValidationError(_("This text is empty."))
        if isinstance(data, str) and self.max_length and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)  # DRF looks at each character first
        return super().run_validation(data)


class VariablesField(serializers.DictField):
    """Texts by the names of variables; null, where that is allowed, for one without a text."""

    def __init__(self, *, allow_missing: bool = False, **kwargs: Any) -> None:
        text = TextField(
            allow_blank=True, allow_null=allow_missing, max_length=MAX_VARIABLE_CHARACTERS
        )
        super().__init__(child=text, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict) and len(data) > MAX_VARIABLES:
            raise serializers.ValidationError(
                _("Give at most %(most)s variables.") % {"most": MAX_VARIABLES}
            )
        found: dict[str, Any] = super().to_internal_value(data)
        if wrong := next((name for name in found if not variables.is_name(name)), None):
            raise serializers.ValidationError(
                _(
                    "“%(name)s” is no name of a variable: at most 64 letters, digits and "
                    "underscores."
                )
                % {"name": wrong[:100]}
            )
        return found


class MessageIdField(serializers.IntegerField):
    """The id of a message, or something that could be one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **kwargs)


def check_chat_model(reader: serializers.BaseSerializer[Any], model: str) -> None:
    """Refuse a name that means no chat model to the caller of `reader`'s request. Raises
    `InvalidInput` and `ValidationError`."""
    if model:
        found = find_model(caller_in(reader.context["request"]), None, model, ModelKind.CHAT)
        if found.kind != ModelKind.CHAT:
            raise serializers.ValidationError(
                _("%(model)s is not a chat model.") % {"model": found}
            )


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
            "agent_id",
            "agent_version",
            "created_at",
            "finished_at",
        ]


_NO_PARAMETERS = frozenset(
    ("model", "messages", "stream", "stream_options", "n", "api_base", "base_url", "api_key")
)


def check_params(params: dict[str, Any]) -> None:
    """Parameters are the model's: they neither repeat the request nor choose where it goes. Raises
    `ValidationError` and `InvalidInput`."""
    if taken := sorted(_NO_PARAMETERS & params.keys()):
        raise serializers.ValidationError(
            _(
                "%(names)s: not a parameter of a model. Use the request's own fields, and "
                "/api-keys/ for a key; a provider's address is set by the operator."
            )
            % {"names": ", ".join(taken)}
        )
    demands.check(params)
    try:
        bounds.check_params(params)
    except InvalidInput as error:
        raise serializers.ValidationError(error.errors) from None


class CallParameters(serializers.Serializer[Any]):
    """What every request for a completion has in common."""

    provider = serializers.CharField(required=False, max_length=50)
    model = serializers.CharField(required=False, max_length=251)
    llm_params = serializers.DictField(required=False, default=dict)
    stream = serializers.BooleanField(required=False, default=False)

    def validate_llm_params(self, params: dict[str, Any]) -> dict[str, Any]:
        check_params(params)
        return params


class AnswerParameters(CallParameters):
    """What every request for an answer has that documents, or an agent, may answer. An agent brings
    what the request does not say itself; `variables` are those of its system prompt."""

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
