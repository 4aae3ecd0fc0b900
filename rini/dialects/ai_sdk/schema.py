"""What /openapi.json says of ``/api/ai-sdk``. Its formats are at ai-sdk.dev/docs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from conversations.api.serializers import AnswerParameters
from rini.dialects.ai_sdk.asked import TRIGGERS
from rini.web.fields import ShortListField

LONGEST_ID = 200
_CHAT = [OpenApiParameter("chat_id", str, OpenApiParameter.PATH)]
_STREAM = {
    (200, "text/event-stream"): OpenApiResponse(
        OpenApiTypes.STR, "The parts of a UI message, then `[DONE]`."
    )
}


class Question(AnswerParameters):
    """A chat as its page shows it, the question last; or the question alone, as `message`."""

    stream = None  # type: ignore[assignment]  # so DRF leaves out a field of the class above

    id = serializers.CharField(
        max_length=LONGEST_ID,
        help_text="The chat: the id of a session of yours, or any name that the page has given it.",
    )
    messages = ShortListField(
        child=serializers.DictField(),
        required=False,
        allow_null=True,
        max_length=settings.MAX_MESSAGES,
    )
    message = serializers.DictField(required=False, allow_null=True)
    trigger = serializers.ChoiceField(choices=TRIGGERS, required=False, allow_null=True)
    messageId = serializers.CharField(  # noqa: N815  # the SDK's name
        max_length=LONGEST_ID,
        required=False,
        allow_null=True,
        help_text="Without `messages`: what is to be answered anew, or asked in another version.",
    )


class Chat(serializers.Serializer[Any]):
    """A chat's messages, for `useChat({id, messages, resume: true})`."""

    id = serializers.CharField()
    messages = serializers.ListField(child=serializers.DictField())


def failing(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """Errors are one sentence: it is what the SDK shows."""
    return {
        (status, "text/plain"): OpenApiResponse(OpenApiTypes.STR, HTTPStatus(status).phrase)
        for status in statuses
    }


ask = extend_schema(
    summary="Chat (AI SDK)",
    request=Question,
    responses={**_STREAM, **failing(402, 403, 404, 502, 504)},
)
show = extend_schema(summary="Show a chat (AI SDK)", parameters=_CHAT, responses={200: Chat})
resume = extend_schema(
    summary="Follow an answer (AI SDK)",
    parameters=_CHAT,
    responses={**_STREAM, 204: OpenApiResponse(description="Nothing is being written.")},
)
stop = extend_schema(
    summary="Stop an answer (AI SDK)",
    parameters=_CHAT,
    responses={204: OpenApiResponse(description="Nothing is being written any more.")},
)
