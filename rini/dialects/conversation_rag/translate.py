"""Between the conversation API's JSON and Rini's: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from conversations.answering.events import EventType, JournalEvent, failure_of
from rini.errors import RiniError
from rini.web import json_lines

SHOWN_ROLES = ("user", "assistant")


class Number(Protocol):
    id: int


class Conversation(Protocol):
    @property
    def number(self) -> Number: ...

    alias: str
    model: str
    created_at: datetime


class Message(Protocol):
    role: str
    content: str


def created(conversation: Conversation, key_ending: str | None) -> dict[str, Any]:
    """A new conversation; of its own key the last characters, of no key null."""
    return {
        **_head(conversation),
        "api_key": None if key_ending is None else f"****{key_ending}",
        "created_time": _seconds(conversation),
    }


def history(conversation: Conversation, messages: Iterable[Message]) -> dict[str, Any]:
    """A conversation with what its two sides have said."""
    shown = [one for one in messages if one.role in SHOWN_ROLES and one.content]
    return {
        **_head(conversation),
        "messages": [
            {"role": one.role, "content": one.content, "message_id": number}
            for number, one in enumerate(shown, 1)
        ],
        "created_time": _seconds(conversation),
    }


def listed(conversation: Conversation) -> dict[str, Any]:
    return {
        "conversation_id": conversation.number.id,
        "title": conversation.alias,
        "created_time": _seconds(conversation),
    }


def objects(event: JournalEvent) -> list[dict[str, str]]:
    """An event as the stream has it: the end is two objects, and many events are none."""
    if event.type == EventType.TEXT:
        return [{"event": "message", "data": event.data["text"]}]
    if not event.is_terminal:
        return []
    if failure := failure_of(event):
        return [{"event": "error", "data": failure}]
    return [
        {"event": "done", "data": "Stream finished"},
        {"event": "full_response", "data": event.data["message"]["content"]},
    ]


def encoded(event: JournalEvent, *, for_sse: bool) -> bytes:
    """The bytes of an event: JSON and an empty line; for readers of SSE behind ``data: ``."""
    return b"".join(_line(one, for_sse=for_sse) for one in objects(event))


def farewell(error: RiniError, *, for_sse: bool) -> bytes:
    """The last piece for a caller that may not read on."""
    return _line({"event": "error", "data": error.detail}, for_sse=for_sse)


def _line(one: Mapping[str, str], *, for_sse: bool) -> bytes:
    return (b"data: " if for_sse else b"") + json_lines.encoded(one) + b"\n\n"


def _head(conversation: Conversation) -> dict[str, Any]:
    return {
        "conversation_id": conversation.number.id,
        "title": conversation.alias,
        "model": conversation.model.partition("/")[2],
    }


def _seconds(conversation: Conversation) -> int:
    return int(conversation.created_at.timestamp())
