"""How answers and their events look, for /openapi.json: every event with an example."""

from __future__ import annotations

from typing import Any

import orjson
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from conversations.answering.events import EventType
from conversations.api.serializers import TextCompletionAnswer
from rini.web.api_schema import problems

_MESSAGE = {
    "id": 4711,
    "session_id": "3f2b8a54-6c1d-4f0e-9b57-2a4d8c6e1f90",
    "parent_message_id": 4710,
    "role": "assistant",
    "content": "아침에는 아사쿠사에 가 보세요.",
    "status": "complete",
    "provider": "openai",
    "model_used": "gpt-4.1-mini",
}
_WHOSE = {"generation_id": "9e4f3c2b-1a0d-4e5f-8c7b-6a5d4e3f2b1c"}
_USAGE = {"prompt_tokens": 42, "completion_tokens": 17, "cost": "0.000123456"}
_PROBLEM = {
    "type": "about:blank",
    "title": "Too Many Requests",
    "status": 429,
    "detail": "openai allows no more requests at the moment.",
    "code": "provider_rate_limited",
    "request_id": "0f8c2d5be1f34a7a9d6f7c1b2a3e4d5f",
}


def _ended(status: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
    message = {**_MESSAGE, "status": status, "finish_reason": reason}
    return {"message": message, "usage": _USAGE, "finish_reason": reason, **more}


CITATION = {
    "number": 1,
    "knowledge_base_id": "3f2b8a54-6c1d-4f0e-9b57-2a4d8c6e1f90",
    "document_id": "9e4f3c2b-1a0d-4e5f-8c7b-6a5d4e3f2b1c",
    "document_name": "취업규칙.pdf",
    "page": 12,
    "headings": ["휴가", "연차"],
    "start": 10432,
    "end": 10611,
    "score": 0.83,
    "content": "연차 휴가는 일 년에 십오 일입니다.",
    "cited": True,
}
"""A passage that an answer was given, and whether the answer names it."""
EVENTS: dict[EventType, tuple[str, dict[str, Any]]] = {
    EventType.STARTED: (
        "The first event: which answer this is.",
        {
            "session_id": _MESSAGE["session_id"],
            "user_message_id": 4710,
            "assistant_message_id": 4711,
            "provider": "openai",
            "model": "gpt-4.1-mini",
        },
    ),
    EventType.RECALLED: (
        "What is known of the user went into the prompt: entries, and what was said elsewhere.",
        {
            "ids": [17],
            "memories": [{"id": 17, "score": 1.24, "tokens": 21}],
            "messages": [{"message_id": 4321, "session_id": _MESSAGE["session_id"], "score": 0.41}],
        },
    ),
    EventType.RETRIEVED: (
        "Passages were looked for: what was found, or why not.",
        {
            "query": "연차는 며칠인가요?",
            "mode": "hybrid",
            "took_ms": 12,
            "error": None,
            "citations": [CITATION],
        },
    ),
    EventType.DROPPED: (
        "The answer named a passage that there is not: that was left out of it.",
        {"number": 9},
    ),
    EventType.TEXT: ("A piece of the answer.", {"text": "아침에는 "}),
    EventType.REASONING: ("A piece of what the model thinks.", {"text": "The user has one day …"}),
    EventType.TOOL: (
        "A piece of a call of one of the tools in `llm_params`.",
        {"index": 0, "id": "call_1", "name": "weather", "arguments": '{"city": "東京"}'},
    ),
    EventType.COMPLETED: ("The whole answer is there.", _ended("complete", "stop")),
    EventType.STOPPED: ("It was stopped; its text so far stays.", _ended("stopped")),
    EventType.INCOMPLETE: ("The provider broke it off.", _ended("incomplete")),
    EventType.INTERRUPTED: ("Its server has ended.", _ended("interrupted")),
    EventType.FAILED: ("It went wrong: `problem` says how.", _ended("failed", problem=_PROBLEM)),
}
"""Every type of event: what it says, and the data of an example."""


def _event(seq: int, type_: EventType, data: dict[str, Any]) -> dict[str, str]:
    body = orjson.dumps({"seq": seq, "type": type_, **_WHOSE, **data}).decode()
    return {"id": str(seq), "event": type_, "data": body}


EVENT_STREAM: dict[Any, Any] = {
    (200, "text/event-stream"): OpenApiResponse(
        str,
        "Server-sent events. Each has its number as `id`, its type as `event`, and JSON as `data`; "
        "the last one ends the generation. In silence a comment comes every 15 seconds.",
        examples=[
            OpenApiExample(
                type_, _event(seq, type_, data), summary=told, media_type="text/event-stream"
            )
            for seq, (type_, (told, data)) in enumerate(EVENTS.items(), 1)
        ],
    )
}
FAILURES = problems(400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 500, 502, 503, 504)
"""What a request to a model may be answered when it fails."""
ANSWER: dict[Any, Any] = {
    (200, "application/json"): TextCompletionAnswer,
    **EVENT_STREAM,
    **FAILURES,
}
"""The answer in a session, whole or as it is written."""
