"""A response as its API shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billing.usage import Usage

Json = dict[str, Any]
RUNNING = "in_progress"
"""The status of a response that is being written."""


@dataclass(frozen=True, slots=True)
class Response:
    """What is known of one response."""

    id: UUID
    created_at: float
    model: str
    settings: Mapping[str, Any]
    status: str = RUNNING
    output: Sequence[Json] = ()
    usage: Usage | None = None
    error: Json | None = None
    incomplete: str | None = None
    """Why its end is missing: ``max_output_tokens`` or ``content_filter``."""
    store: bool = True
    background: bool = False
    previous: UUID | None = None
    conversation: UUID | None = None
    ended_at: float | None = None

    @property
    def name(self) -> str:
        return f"resp_{self.id.hex}"

    def json(self) -> Json:
        conversation = {"id": f"conv_{self.conversation.hex}"} if self.conversation else None
        return {
            "id": self.name,
            "object": "response",
            "created_at": int(self.created_at),
            "completed_at": int(self.ended_at) if self.ended_at else None,
            "status": self.status,
            "background": self.background,
            "error": self.error,
            "incomplete_details": {"reason": self.incomplete} if self.incomplete else None,
            "model": self.model,
            "output": list(self.output),
            "previous_response_id": f"resp_{self.previous.hex}" if self.previous else None,
            "conversation": conversation,
            "store": self.store,
            "usage": usage_json(self.usage) if self.usage else None,
            **self.settings,
        }


def status_of(reason: str | None, *, is_cut: bool = False) -> tuple[str, str | None]:
    """The status of an answer that ended for `reason`, and why its end is missing."""
    if is_cut:
        return "failed", None
    if reason == "length":
        return "incomplete", "max_output_tokens"
    if reason == "content_filter":
        return "incomplete", "content_filter"
    return "completed", None


def usage_json(usage: Usage) -> Json:
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": usage.cached_input_tokens or 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": read + written,
    }
