"""A message, and the end of an answer, as JSON-ready values: what journals keep and readers get.

The same as `conversations.api.serializers.MessageSerializer` shows, which a test holds it to; but
here without DRF, whose fields take longer than all else at the end of an answer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from conversations.models import Generation, Message
from rini.money import dollars


def message_data(message: Message) -> dict[str, Any]:
    """A message as the API shows it."""
    return {
        "id": message.pk,
        "session_id": str(message.session_id),
        "user_id": str(message.user_id),
        "parent_message_id": message.parent_message_id,
        "role": message.role,
        "content": message.content,
        "reasoning": message.reasoning,
        "file_reference": message.file_reference,
        "original_filename": message.original_filename,
        "mime_type": message.mime_type,
        "status": message.status,
        "finish_reason": message.finish_reason,
        "model_used": message.model_used,
        "provider": message.provider,
        "prompt_tokens": message.prompt_tokens,
        "completion_tokens": message.completion_tokens,
        "token_count": message.token_count,
        "response_time_ms": message.response_time_ms,
        "time_to_first_token_ms": message.time_to_first_token_ms,
        "cost": dollars(message.cost_nano),
        "citations": message.citations,
        "tool_calls": message.tool_calls,
        "memories": message.memories,
        "agent_id": str(message.agent_id) if message.agent_id else None,
        "agent_version": message.agent_version,
        "created_at": _moment(message.created_at),
    }


def terminal_data(generation: Generation) -> dict[str, Any]:
    """What the terminal event of an ended generation says beside its type."""
    message = generation.assistant_message
    data: dict[str, Any] = {
        "message": message_data(message),
        "usage": {
            "prompt_tokens": message.prompt_tokens,
            "completion_tokens": message.completion_tokens,
            "cost": dollars(message.cost_nano),
        },
        "finish_reason": message.finish_reason,
    }
    return data | ({"problem": generation.problem} if generation.problem else {})


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
