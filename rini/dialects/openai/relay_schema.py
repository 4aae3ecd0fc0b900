"""What /openapi.json says of the services beside chats and embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiResponse, extend_schema

from rini.dialects.openai.schema import ASKING, EVENTS, HEADERS, JSON, MODEL_NAME, described

Method = TypeVar("Method", bound=Callable[..., Any])
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_ANY: dict[str, Any] = {}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_BYTES = {"type": "string", "format": "binary"}
_FURTHER = "Every further field goes to the vendor as it is."


def _service(
    name: str, summary: str, request: Any, answers: dict[tuple[int, str], OpenApiResponse]
) -> Callable[[Method], Method]:
    return extend_schema(
        operation_id=f"openai_{name}",
        summary=f"{summary} (OpenAI)",
        request=request,
        parameters=HEADERS,
        responses={**answers, **ASKING},
    )


def _json(**properties: Any) -> dict[tuple[int, str], OpenApiResponse]:
    return {(200, JSON): OpenApiResponse(described("As the vendor answered.", **properties))}


moderations = _service(
    "moderations",
    "Moderate texts",
    {JSON: described(_FURTHER, "input", model=MODEL_NAME, input=_ANY)},
    _json(id=_TEXT, model=_TEXT, results=_OBJECTS),
)
rerank = _service(
    "rerank",
    "Rerank documents",
    {
        JSON: described(
            _FURTHER,
            "model",
            "query",
            "documents",
            model=MODEL_NAME,
            query=_TEXT,
            documents={"type": "array", "items": _ANY},
            top_n=_NUMBER,
        )
    },
    _json(results=_OBJECTS),
)
images = _service(
    "images",
    "Make pictures",
    {JSON: described(_FURTHER, "model", "prompt", model=MODEL_NAME, prompt=_TEXT, n=_NUMBER)},
    {**_json(created=_NUMBER, data=_OBJECTS), (200, EVENTS): OpenApiResponse(_TEXT)},
)
speech = _service(
    "speech",
    "Speak a text",
    {JSON: described(_FURTHER, "model", "input", model=MODEL_NAME, input=_TEXT, voice=_ANY)},
    {
        (200, "audio/mpeg"): OpenApiResponse(_BYTES, "Of the type that was asked for."),
        (200, EVENTS): OpenApiResponse(_TEXT, "With `stream_format: sse`."),
    },
)
transcriptions = _service(
    "transcriptions",
    "Transcribe a recording",
    {
        "multipart/form-data": described(
            _FURTHER, "model", "file", model=MODEL_NAME, file=_BYTES, language=_TEXT
        )
    },
    {
        **_json(text=_TEXT),
        (200, "text/plain"): OpenApiResponse(_TEXT, "With another `response_format`."),
        (200, EVENTS): OpenApiResponse(_TEXT, "With `stream`."),
    },
)
