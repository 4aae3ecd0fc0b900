"""Stored messages as the AI SDK's UI messages. Pure."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from rini.translation import gettext as _

Json = dict[str, Any]


class Message(Protocol):
    id: int
    session_id: UUID
    role: str
    content: str
    reasoning: str
    mime_type: str | None
    original_filename: str | None
    file_reference: str | None
    provider: str | None
    model_used: str | None
    tool_calls: Sequence[Any]
    citations: Sequence[Any]


def ui_message(message: Message) -> Json:
    """A message that has ended, as the stream of its answer has left it on the page."""
    metadata = {"sessionId": str(message.session_id)}
    if message.model_used:
        metadata |= {"provider": message.provider or "", "model": message.model_used}
    return {
        "id": str(message.id),
        "role": message.role,
        "metadata": metadata,
        "parts": [*_parts(message)],
    }


def _parts(message: Message) -> Iterable[Json]:
    if message.role == "assistant":
        yield {"type": "step-start"}
    if message.reasoning:
        yield {"type": "reasoning", "text": message.reasoning, "state": "done"}
    if message.file_reference:
        yield {
            "type": "file",
            "mediaType": message.mime_type,
            "filename": message.original_filename or "",
            "url": f"/messages/{message.id}/file",
        }
    if message.content:
        yield {"type": "text", "text": message.content, "state": "done"}
    for i, call in enumerate(message.tool_calls):
        function = call["function"]
        told = tool_input(call["id"] or call_id(i), function["name"], function["arguments"])
        name, state = told.pop("toolName"), _STATES[told.pop("type")]
        yield {**told, "type": f"tool-{name}", "state": state}
    yield from sources(message.citations)


def sources(citations: Iterable[Mapping[str, Any]]) -> list[Json]:
    """The passages that an answer names."""
    return [
        {
            "type": "source-document",
            "sourceId": str(citation["number"]),
            "mediaType": mimetypes.guess_type(citation["document_name"])[0] or "text/plain",
            "title": citation["document_name"],
            "providerMetadata": {"rini": dict(citation)},
        }
        for citation in citations
        if citation.get("cited")
    ]


def tool_input(id_: str, name: str, arguments: str) -> Json:
    """The part that ends a call of a tool: its arguments as JSON, or that they are none."""
    told: Json = {"type": "tool-input-available", "toolCallId": id_, "toolName": name}
    try:
        return {**told, "input": json.loads(arguments or "{}")}
    except ValueError:
        broken = {"type": "tool-input-error", "input": arguments}
        return {**told, **broken, "errorText": _("The arguments are no JSON.")}


def call_id(index: int) -> str:
    """For a call to which its vendor has given no id."""
    return f"call_{index}"


_STATES = {"tool-input-available": "input-available", "tool-input-error": "output-error"}
