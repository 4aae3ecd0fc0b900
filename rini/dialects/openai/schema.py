"""What /openapi.json says of ``/v1``. The whole of the formats is at platform.openai.com/docs."""

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
_USAGE = {"type": "object", "properties": {"prompt_tokens": _NUMBER, "total_tokens": _NUMBER}}
MODEL_NAME = {"type": "string", "description": "`provider/model`, or a name that leaves no doubt."}


def described(description: str = "", *required: str, **properties: Any) -> dict[str, Any]:
    """An object that may have further fields."""
    whole = {"type": "object", "properties": properties, "additionalProperties": True}
    said = {"description": description, "required": list(required)}
    return whole | {name: value for name, value in said.items() if value}


_ERROR = {"$ref": "#/components/schemas/OpenAIError"}
"""`rini.openapi.document` describes it, and adds to every operation the errors that all have."""
_CHAT = described(
    "Every further field goes to the vendor as it is.",
    "model",
    "messages",
    model=MODEL_NAME,
    messages={**_OBJECTS, "minItems": 1},
    stream={"type": "boolean", "default": False},
    stream_options=described("", include_usage={"type": "boolean"}),
    tools=_OBJECTS,
    response_format=described(),
    n=_NUMBER,
    fallbacks=FALLBACKS,
)
_COMPLETION = described(
    "As the vendor answered.",
    id=_TEXT,
    object={"enum": ["chat.completion"]},
    model=_TEXT,
    choices=_OBJECTS,
    usage=_USAGE,
)
_PROMPT = described(
    "Every further field goes to a server of one's own as it is, and to vendors as a chat's.",
    "model",
    "prompt",
    model=MODEL_NAME,
    prompt={"oneOf": [_TEXT, {"type": "array", "items": {}}]},
    stream={"type": "boolean", "default": False},
    max_tokens=_NUMBER,
)
_TEXTS = described(
    "", object={"enum": ["text_completion"]}, model=_TEXT, choices=_OBJECTS, usage=_USAGE
)
_TOKENS = {"type": "array", "items": _NUMBER}
_EMBEDDINGS = described(
    "Every further field goes to the vendor as it is. The offline models take `input_type`.",
    "model",
    "input",
    model=MODEL_NAME,
    input={
        "oneOf": [
            _TEXT,
            {"type": "array", "items": _TEXT},
            _TOKENS,
            {"type": "array", "items": _TOKENS},
        ]
    },
    encoding_format={"enum": ["float", "base64"], "default": "float"},
    dimensions=_NUMBER,
    input_type={"enum": ["query", "passage"], "default": "passage"},
)
_VECTORS = described("", data=_OBJECTS, model=_TEXT, usage=_USAGE)
_MODEL = described("", id=_TEXT, object={"enum": ["model"]}, created=_NUMBER, owned_by=_TEXT)
_MODELS = described("", object={"enum": ["list"]}, data={"type": "array", "items": _MODEL})
HEADERS = [
    OpenApiParameter(
        name,
        str,
        OpenApiParameter.HEADER,
        response=[200],
        description=description,
    )
    for name, description in (
        ("x-rini-cost", "US dollars; not with a stream, nor where the price is unknown."),
        ("x-rini-model", "Who answered, as `provider/model`; of chat completions."),
        ("x-rini-overhead-ms", "The time that was not the vendor's, in milliseconds."),
    )
]


def failing(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    return {
        (status, JSON): OpenApiResponse(_ERROR, HTTPStatus(status).phrase) for status in statuses
    }


ASKING = failing(402, 403, 404, 502, 504)

chat = extend_schema(
    operation_id="openai_chat_completions",
    summary="Answer a conversation (OpenAI)",
    request={JSON: _CHAT},
    parameters=HEADERS,
    responses={
        (200, JSON): OpenApiResponse(_COMPLETION),
        (200, EVENTS): OpenApiResponse(_TEXT, "With `stream`: chunks, then `[DONE]`."),
        **ASKING,
    },
)
completions = extend_schema(
    operation_id="openai_completions",
    summary="Go on from a text (OpenAI)",
    request={JSON: _PROMPT},
    parameters=HEADERS,
    responses={
        (200, JSON): OpenApiResponse(_TEXTS),
        (200, EVENTS): OpenApiResponse(_TEXT, "With `stream`: chunks, then `[DONE]`."),
        **ASKING,
    },
)
embeddings = extend_schema(
    operation_id="openai_embeddings",
    summary="Embed texts (OpenAI)",
    request={JSON: _EMBEDDINGS},
    parameters=HEADERS,
    responses={(200, JSON): OpenApiResponse(_VECTORS), **ASKING},
)
models = extend_schema(
    operation_id="openai_models",
    summary="List models (OpenAI)",
    responses={(200, JSON): OpenApiResponse(_MODELS)},
)
one_model = extend_schema(
    operation_id="openai_model",
    summary="Show a model (OpenAI)",
    parameters=[OpenApiParameter("model", str, OpenApiParameter.PATH)],
    responses={(200, JSON): OpenApiResponse(_MODEL), **failing(400)},
)
