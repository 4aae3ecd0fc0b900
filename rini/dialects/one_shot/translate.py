"""Between the one-shot chat service's JSON and Rini's: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from conversations.answering.events import EventType, JournalEvent, failure_of
from providers.types import ChatMessage
from rini.errors import RiniError
from rini.web import json_lines, sse


class Model(Protocol):
    name: str
    provider_id: str
    context_window: int | None
    vision: bool
    tools: bool


def messages(body: Mapping[str, Any]) -> list[ChatMessage]:
    """The conversation of a request: system prompt, history, and the message last."""
    prompt = body.get("system_prompt")
    system = [{"role": "system", "content": prompt}] if prompt else []
    question = {"role": "user", "content": body["message"]}
    return [*system, *(body.get("conversation_history") or []), question]


def llm_params(
    body: Mapping[str, Any], *, temperature: float | None, max_tokens: int | None
) -> dict[str, Any]:
    """A model's parameters for a request, with what to send where it says nothing."""
    asked = body.get("temperature")
    params = {
        "temperature": temperature if asked is None else asked,
        "max_tokens": body.get("max_tokens") or max_tokens,
    }
    return {name: value for name, value in params.items() if value is not None}


def answer(told: Mapping[str, Any], model: str, now: datetime) -> dict[str, Any]:
    """The answer of ``POST /chat``; `told` is the native API's."""
    prompt, completion = told["prompt_tokens"] or 0, told["completion_tokens"] or 0
    return {
        "response": told["response_text"],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
        "model": model,
        "timestamp": now,
    }


def frame(event: JournalEvent) -> bytes:
    """An event as the stream has it; much is nothing."""
    if event.type == EventType.STARTED:
        return _frame({"type": "START", "stream_id": event.data["generation_id"]})
    if event.type == EventType.TEXT:
        return _frame({"type": "CHUNK", "content": event.data["text"]})
    if not event.is_terminal:
        return b""
    if failure := failure_of(event):
        return _frame({"type": "ERROR", "error": failure})
    return _frame({"type": "END", "full_content": event.data["message"]["content"]})


def farewell(error: RiniError) -> bytes:
    """The last frame for a caller that may not read on."""
    return _frame({"type": "ERROR", "error": error.detail})


def model(row: Model) -> dict[str, str]:
    """A model that a request may name by its `id`."""
    abilities = [
        f"{row.context_window:,} tokens of context" if row.context_window else "",
        "sees images" if row.vision else "",
        "calls tools" if row.tools else "",
    ]
    description = ", ".join([f"{row.name} of {row.provider_id}", *filter(None, abilities)])
    return {"id": f"{row.provider_id}/{row.name}", "name": row.name, "description": description}


def _frame(data: Mapping[str, str]) -> bytes:
    return sse.encode(json_lines.encoded(data), event="chunk")
