"""Between the one-shot chat service's JSON and Rini's: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def llm_params(body: Mapping[str, Any]) -> dict[str, Any]:
    """A model's parameters for a request."""
    names = ("temperature", "max_tokens")
    return {name: body[name] for name in names if body.get(name) is not None}


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
    """An event as the stream has it; many are none. A reader that returns goes on from its id."""
    if event.type == EventType.STARTED:
        return _frame({"type": "START", "stream_id": event.data["generation_id"]}, event.seq)
    if event.type == EventType.TEXT:
        return _frame({"type": "CHUNK", "content": event.data["text"]}, event.seq)
    if not event.is_terminal:
        return b""
    if failure := failure_of(event):
        return _frame({"type": "ERROR", "error": failure}, event.seq)
    content = event.data["message"]["content"]
    return _frame({"type": "END", "full_content": content}, event.seq)


def farewell(error: RiniError) -> bytes:
    """The last frame for a caller that may not read on."""
    return _frame({"type": "ERROR", "error": error.detail})


def model_name(provider: str, name: str) -> str:
    """What a request may name, and an answer names."""
    return f"{provider}/{name}"


def model(row: Model) -> dict[str, str]:
    """A model that a request may name by its `id`."""
    abilities = [
        f"{row.context_window:,} tokens of context" if row.context_window else "",
        "sees images" if row.vision else "",
        "calls tools" if row.tools else "",
    ]
    description = ", ".join([f"{row.name} of {row.provider_id}", *filter(None, abilities)])
    name = model_name(row.provider_id, row.name)
    return {"id": name, "name": row.name, "description": description}


def as_openai_lists(models: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The same models as OpenAI's API lists them."""
    data = [
        {"id": one["id"], "object": "model", "created": 0, "owned_by": one["id"].partition("/")[0]}
        for one in models
    ]
    return {"object": "list", "data": data}


def _frame(data: Mapping[str, str], seq: int | None = None) -> bytes:
    return sse.encode(json_lines.encoded(data), event="chunk", id=seq)
