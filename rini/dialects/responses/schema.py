"""What /openapi.json says of ``/v1/responses``. Its format is at platform.openai.com/docs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from providers.fallback_names import SCHEMA as FALLBACKS
from rini.dialects.openai.schema import EVENTS, JSON, described, failing

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER = {"type": "integer"}
_FLAG = {"type": "boolean"}
_OBJECT = {"type": "object", "additionalProperties": True}
_OBJECTS = {"type": "array", "items": _OBJECT}
_MODEL_NAME = {"type": "string", "description": "`provider/model`, or a name that leaves no doubt."}
_METADATA = {"type": "object", "additionalProperties": _TEXT}
_INPUT = {"oneOf": [_TEXT, {**_OBJECTS, "minItems": 1}]}
_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["model", "input"],
    "additionalProperties": False,
    "properties": {
        "model": _MODEL_NAME,
        "input": _INPUT,
        "instructions": _TEXT,
        "stream": {**_FLAG, "default": False},
        "stream_options": _OBJECT,
        "store": {**_FLAG, "default": True},
        "background": {**_FLAG, "default": False},
        "previous_response_id": _TEXT,
        "conversation": {"oneOf": [_TEXT, _OBJECT]},
        "include": {"type": "array", "items": _TEXT},
        "tools": _OBJECTS,
        "tool_choice": {"oneOf": [_TEXT, _OBJECT]},
        "parallel_tool_calls": {**_FLAG, "default": True},
        "text": _OBJECT,
        "reasoning": _OBJECT,
        "temperature": {"type": "number"},
        "top_p": {"type": "number"},
        "max_output_tokens": {**_NUMBER, "minimum": 1},
        "max_tool_calls": {**_NUMBER, "minimum": 1},
        "top_logprobs": {"enum": [0], "default": 0},
        "truncation": {"enum": ["auto", "disabled"], "default": "disabled"},
        "metadata": _METADATA,
        "service_tier": _TEXT,
        "user": _TEXT,
        "safety_identifier": _TEXT,
        "prompt_cache_key": _TEXT,
        "prompt_cache_retention": _TEXT,
        "fallbacks": FALLBACKS,
    },
}
_RESPONSE = described(
    "A response.",
    id=_TEXT,
    object={"enum": ["response"]},
    status={"enum": ["completed", "failed", "in_progress", "cancelled", "incomplete"]},
    model=_TEXT,
    output=_OBJECTS,
)
_CONVERSATION = described("", id=_TEXT, object={"enum": ["conversation"]}, metadata=_METADATA)
_DELETED = described("", id=_TEXT, deleted=_FLAG)
_LIST = described("", object={"enum": ["list"]}, data=_OBJECTS, has_more=_FLAG)
_ITEM = described("An item.", id=_TEXT, type=_TEXT)
_COUNT = described("", input_tokens=_NUMBER)
_RESPONSE_ID = OpenApiParameter("response_id", str, OpenApiParameter.PATH)
_CONVERSATION_ID = OpenApiParameter("conversation_id", str, OpenApiParameter.PATH)
_PAGE = [
    OpenApiParameter("limit", int, description="1 to 100.", default=20),
    OpenApiParameter("order", str, enum=["asc", "desc"], default="desc"),
    OpenApiParameter("after", str, description="Go on after this item."),
]
_ASKING = failing(402, 403, 404, 502, 504)
_FINDING = failing(400, 404)


def _answers(shape: dict[str, Any]) -> dict[tuple[int, str], OpenApiResponse]:
    return {(200, JSON): OpenApiResponse(shape)}


create = extend_schema(
    operation_id="openai_create_response",
    summary="Create a response (OpenAI)",
    request={JSON: _REQUEST},
    responses={
        **_answers(_RESPONSE),
        (200, EVENTS): OpenApiResponse(_TEXT, "With `stream`: the response's events."),
        **_ASKING,
    },
)
count = extend_schema(
    operation_id="openai_count_input_tokens",
    summary="Count the tokens of a response's input (OpenAI)",
    request={JSON: _REQUEST},
    responses={**_answers(_COUNT), **_ASKING},
)
_NOT_TO_COMPACT = {"stream", "stream_options", "store", "background", "conversation"}
_TO_COMPACT: dict[str, Any] = {
    **_REQUEST,
    "required": ["model"],
    "properties": {n: v for n, v in _REQUEST["properties"].items() if n not in _NOT_TO_COMPACT},
}
compact = extend_schema(
    operation_id="openai_compact_response",
    summary="Compact a conversation (OpenAI)",
    request={JSON: _TO_COMPACT},
    responses={
        **_answers(
            described("", id=_TEXT, object={"enum": ["response.compaction"]}, output=_OBJECTS)
        ),
        **_ASKING,
    },
)
retrieve = extend_schema(
    operation_id="openai_response",
    summary="Open a response (OpenAI)",
    parameters=[
        _RESPONSE_ID,
        OpenApiParameter("stream", bool, description="Send its events."),
        OpenApiParameter("starting_after", int, description="Only events behind this number."),
    ],
    responses={
        **_answers(_RESPONSE),
        (200, EVENTS): OpenApiResponse(_TEXT, "With `stream`: the response's events."),
        **_FINDING,
    },
)
delete = extend_schema(
    operation_id="openai_delete_response",
    summary="Delete a response (OpenAI)",
    parameters=[_RESPONSE_ID],
    responses={**_answers(_DELETED), **_FINDING},
)
cancel = extend_schema(
    operation_id="openai_cancel_response",
    summary="Cancel a response (OpenAI)",
    parameters=[_RESPONSE_ID],
    request=None,
    responses={**_answers(_RESPONSE), **_FINDING},
)
input_items = extend_schema(
    operation_id="openai_response_input_items",
    summary="List what was sent for a response (OpenAI)",
    parameters=[_RESPONSE_ID, *_PAGE],
    responses={**_answers(_LIST), **_FINDING},
)
_NEW_CONVERSATION = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"metadata": _METADATA, "items": {**_OBJECTS, "maxItems": 20}},
}
create_conversation = extend_schema(
    operation_id="openai_create_conversation",
    summary="Create a conversation (OpenAI)",
    request={JSON: _NEW_CONVERSATION},
    responses={**_answers(_CONVERSATION), **_FINDING},
)
conversation = extend_schema(
    operation_id="openai_conversation",
    summary="Open a conversation (OpenAI)",
    parameters=[_CONVERSATION_ID],
    responses={**_answers(_CONVERSATION), **_FINDING},
)
change_conversation = extend_schema(
    operation_id="openai_change_conversation",
    summary="Change a conversation (OpenAI)",
    parameters=[_CONVERSATION_ID],
    request={JSON: {"type": "object", "properties": {"metadata": _METADATA}}},
    responses={**_answers(_CONVERSATION), **_FINDING},
)
delete_conversation = extend_schema(
    operation_id="openai_delete_conversation",
    summary="Delete a conversation (OpenAI)",
    parameters=[_CONVERSATION_ID],
    responses={**_answers(_DELETED), **_FINDING},
)
conversation_items = extend_schema(
    operation_id="openai_conversation_items",
    summary="List the items of a conversation (OpenAI)",
    parameters=[_CONVERSATION_ID, *_PAGE],
    responses={**_answers(_LIST), **_FINDING},
)
add_items = extend_schema(
    operation_id="openai_add_conversation_items",
    summary="Add messages to a conversation (OpenAI)",
    parameters=[_CONVERSATION_ID],
    request={
        JSON: {"type": "object", "required": ["items"], "properties": {"items": _OBJECTS}},
    },
    responses={**_answers(_LIST), **_FINDING},
)
one_item = extend_schema(
    operation_id="openai_conversation_item",
    summary="Open an item of a conversation (OpenAI)",
    parameters=[_CONVERSATION_ID, OpenApiParameter("item_id", str, OpenApiParameter.PATH)],
    responses={**_answers(_ITEM), **_FINDING},
)
