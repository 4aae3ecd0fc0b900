"""Between the session chatbot's JSON and Rini's: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from conversations.answering.events import EventType, JournalEvent, failure_of
from rini.errors import RiniError
from rini.text import storable
from rini.web.json_lines import escaped

DONE = b"data: [DONE]\n\n"


class Session(Protocol):
    id: UUID
    metadata: dict[str, Any]
    created_at: datetime
    last_accessed: datetime


class Message(Protocol):
    id: int
    session_id: UUID
    role: str
    content: str
    prompt_tokens: int | None
    completion_tokens: int | None
    created_at: datetime


def new_session(session: Session) -> dict[str, Any]:
    return {"session_id": session.id, "created_at": session.created_at}


def session(session: Session) -> dict[str, Any]:
    return {
        **new_session(session),
        "last_accessed": session.last_accessed,
        "metadata": session.metadata,
    }


def is_shown(message: Message) -> bool:
    """Not an answer that failed before its first word: the original stored no such message."""
    return message.role != "assistant" or bool(message.content)


def message(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.id,
        "session_id": message.session_id,
        "role": message.role,
        "content": message.content,
        "created_at": message.created_at,
        "token_usage": _token_usage(message.prompt_tokens, message.completion_tokens),
    }


def answer(message: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of ``POST /api/chat``; `message` is the native API's."""
    return {
        "message_id": message["id"],
        "role": message["role"],
        "content": message["content"],
        "created_at": message["created_at"],
        "token_usage": _token_usage(message["prompt_tokens"], message["completion_tokens"]),
    }


def llm_params(body: Mapping[str, Any]) -> dict[str, Any]:
    """A model's parameters for a request."""
    is_greedy = body.get("do_sample") is False
    params = {
        "temperature": 0.0 if is_greedy else body.get("temperature"),
        "max_tokens": body.get("max_new_tokens"),
    }
    return {name: value for name, value in params.items() if value is not None}


def frames(event: JournalEvent) -> bytes:
    """An event as the stream has it: the end is two frames, and many events are none."""
    if event.type == EventType.TEXT:
        return _frame({"content": event.data["text"]})
    if not event.is_terminal:
        return b""
    if failure := failure_of(event):
        return _frame({"error": failure}) + DONE
    return _frame({"message_id": event.data["message"]["id"], "done": True}) + DONE


def farewell(error: RiniError) -> bytes:
    """The last frame for a caller that may not read on."""
    return _frame({"error": error.detail}) + DONE


def _frame(data: Mapping[str, Any]) -> bytes:
    """With the spaces after colons that the original has."""
    line = storable(json.dumps(data, ensure_ascii=False)).encode()
    return b"data: " + escaped(line) + b"\n\n"


def _token_usage(prompt: int | None, completion: int | None) -> dict[str, int] | None:
    if prompt is None or completion is None:
        return None
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
