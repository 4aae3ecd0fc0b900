"""What becomes of every column of a session and of a message in a file, and in a fork.

Export, import and fork read this one table; a column that is not in it fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Flag, auto


class Goes(Flag):
    """Where a column's value goes along; made anew where it does not."""

    NOWHERE = 0
    FILE = auto()
    """Into an export, and back by an import."""
    FORK = auto()
    """Into the copy that a fork makes."""
    EVERYWHERE = FILE | FORK


SESSION: Mapping[str, Goes] = {
    "id": Goes.NOWHERE,
    "user_id": Goes.NOWHERE,
    "alias": Goes.EVERYWHERE,
    "system_prompt": Goes.EVERYWHERE,
    "memory_mode": Goes.EVERYWHERE,
    "model": Goes.EVERYWHERE,
    "metadata": Goes.EVERYWHERE,
    "tags": Goes.EVERYWHERE,
    "pinned": Goes.FILE,
    "archived": Goes.FILE,
    "created_at": Goes.FILE,
    "active_message_id": Goes.NOWHERE,  # a file has the message's number, a fork its copy
    "updated_at": Goes.NOWHERE,
    "last_accessed": Goes.NOWHERE,
    "expires_after": Goes.NOWHERE,
    "hidden": Goes.NOWHERE,
}
MESSAGE: Mapping[str, Goes] = {
    "id": Goes.NOWHERE,
    "session_id": Goes.NOWHERE,
    "parent_message_id": Goes.NOWHERE,  # a file has the parent's number, a fork its copy
    "user_id": Goes.FORK,
    "role": Goes.EVERYWHERE,
    "content": Goes.EVERYWHERE,
    "reasoning": Goes.EVERYWHERE,
    "file_reference": Goes.FORK,
    "original_filename": Goes.EVERYWHERE,
    "mime_type": Goes.EVERYWHERE,
    "refused_by": Goes.FORK,
    "status": Goes.EVERYWHERE,
    "finish_reason": Goes.EVERYWHERE,
    "provider": Goes.EVERYWHERE,
    "model_used": Goes.EVERYWHERE,
    "prompt_tokens": Goes.EVERYWHERE,
    "completion_tokens": Goes.EVERYWHERE,
    "token_count": Goes.EVERYWHERE,
    "response_time_ms": Goes.EVERYWHERE,
    "time_to_first_token_ms": Goes.EVERYWHERE,
    "citations": Goes.EVERYWHERE,
    "tool_calls": Goes.EVERYWHERE,
    "memories": Goes.FORK,
    "keepsakes": Goes.FORK,
    "agent_id": Goes.FORK,
    "agent_version": Goes.FORK,
    "created_at": Goes.EVERYWHERE,
    "cost_nano": Goes.EVERYWHERE,  # in a file `cost`, in dollars
}


def going(table: Mapping[str, Goes], where: Goes) -> tuple[str, ...]:
    """The columns of a table whose values go along there, in its order."""
    return tuple(name for name, goes in table.items() if where in goes)
