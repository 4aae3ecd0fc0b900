"""What /openapi.json says of ``/v1/messages``. Its format: platform.claude.com."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from providers.fallback_names import SCHEMA as FALLBACKS

JSON = "application/json"
EVENTS = "text/event-stream"
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_MODEL_NAME = {"type": "string", "description": "`provider/model`, or a name that leaves no doubt."}
_ROLES = ["user", "assistant"]
_CONTENT = {"oneOf": [_TEXT, _OBJECTS]}


def _object(description: str, *required: str, **properties: Any) -> dict[str, Any]:
    """An object that may have further fields."""
    whole = {"type": "object", "properties": properties, "additionalProperties": True}
    said = {"description": description, "required": list(required)}
    return whole | {name: value for name, value in said.items() if value}


_ERROR = {"$ref": "#/components/schemas/AnthropicError"}
"""`rini.openapi.document` describes it, and adds to every operation the errors that all have."""
_REQUEST = _object(
    "Further fields go to Anthropic's models as they are.",
    "model",
    "messages",
    model=_MODEL_NAME,
    messages={
        "type": "array",
        "minItems": 1,
        "items": _object("", "role", "content", role={"enum": _ROLES}, content=_CONTENT),
    },
    system=_CONTENT,
    max_tokens={**_NUMBER, "minimum": 1},
    stream={"type": "boolean", "default": False},
    tools=_OBJECTS,
    fallbacks=FALLBACKS,
)
_MESSAGE = _object(
    "A message.",
    id=_TEXT,
    type={"enum": ["message"]},
    model=_TEXT,
    role={"enum": ["assistant"]},
    content=_OBJECTS,
    stop_reason={"type": "string", "nullable": True},
    usage={"type": "object", "properties": {"input_tokens": _NUMBER, "output_tokens": _NUMBER}},
)
_COUNT = _object("", "input_tokens", input_tokens=_NUMBER)
_COST = OpenApiParameter(
    "x-rini-cost",
    str,
    OpenApiParameter.HEADER,
    response=[200],
    description="US dollars; not with a stream, nor where the price is unknown.",
)


def _errors(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    return {
        (status, JSON): OpenApiResponse(_ERROR, HTTPStatus(status).phrase) for status in statuses
    }


_ASKING = _errors(402, 403, 404, 502, 504)

messages = extend_schema(
    operation_id="anthropic_messages",
    summary="Answer a conversation (Anthropic)",
    request={JSON: _REQUEST | {"required": ["model", "messages", "max_tokens"]}},
    parameters=[_COST],
    responses={
        (200, JSON): OpenApiResponse(_MESSAGE),
        (200, EVENTS): OpenApiResponse(_TEXT, "With `stream`: Anthropic's events."),
        **_ASKING,
    },
)
count_tokens = extend_schema(
    operation_id="anthropic_count_tokens",
    summary="Count the tokens of a request (Anthropic)",
    request={JSON: _REQUEST},
    responses={(200, JSON): OpenApiResponse(_COUNT), **_ASKING},
)
