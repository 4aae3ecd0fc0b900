"""Tools by which a model remembers, recalls and forgets, because its user asks for it."""

from __future__ import annotations

from uuid import UUID

from accounts.models import User
from conversations.answering import recalling
from conversations.answering.tools.function_tool import (
    Arguments,
    Function,
    changing,
    reading,
    text_in,
    whole_in,
)
from conversations.answering.turn import Turn
from memory import entries, sources, traces
from memory.models import Memory, MemoryType, Origin, Scope
from providers.tools.tool import ToolResult
from rini.errors import InvalidInput, NotFound
from rini.storage.database import in_database
from rini.translation import gettext as _

_MOST = 10
_TYPES = [
    kind.value
    for kind in (
        MemoryType.FACT,
        MemoryType.RULE,
        MemoryType.USER_INSTRUCTION,
        MemoryType.TASK,
        MemoryType.USER_STATE,
    )
]
SPECS = {
    spec.name: spec
    for spec in (
        changing(
            "memory_remember",
            "Remember something about the user for all later conversations, when the user asks for "
            "it, in the user's own language.",
            ["content"],
            content={"type": "string", "description": "One short sentence."},
            memory_type={"type": "string", "enum": _TYPES},
        ),
        reading(
            "memory_recall",
            "Look up what is remembered of the user, with the numbers by which it is forgotten.",
            ["query"],
            is_foreign=False,
            query={"type": "string"},
        ),
        changing(
            "memory_forget",
            "Forget something that is remembered of the user, when the user asks for it.",
            ["id"],
            id={"type": "integer", "description": "Its number, as memory_recall tells it."},
        ),
    )
}


def are_offered(turn: Turn) -> bool:
    """Whether a turn may read and write memory. Needs the database for nothing."""
    return recalling.is_on(turn) and sources.is_on_for(turn.caller.user)


def functions(turn: Turn) -> dict[str, Function]:
    user, session_id = turn.caller.user, turn.generation.session_id
    question_id = turn.generation.user_message_id

    async def remember(arguments: Arguments) -> ToolResult:
        kind = arguments.get("memory_type", MemoryType.FACT.value)
        if kind not in _TYPES:
            raise InvalidInput(_("Give one of: %(names)s.") % {"names": ", ".join(_TYPES)})
        fields = {
            "memory_type": kind,
            "scope": Scope.SHARED,
            "content": text_in(arguments, "content")[:500],
            "source_message_ids": [question_id],
        }
        made = await in_database(
            lambda: entries.create(user, session_id, fields, origin=Origin.TOOL)
        )
        return ToolResult(_("Remembered, as number %(id)s.") % {"id": made.pk})

    async def recall(arguments: Arguments) -> ToolResult:
        found = await in_database(_found, user, session_id, text_in(arguments, "query"))
        lines = [f"{row.pk}. [{row.memory_type}] {row.content}" for row in found]
        return ToolResult("\n".join(lines) or _("Nothing is remembered of that."))

    async def forget(arguments: Arguments) -> ToolResult:
        await in_database(_forget, user, whole_in(arguments, "id", 0))
        return ToolResult(_("Forgotten."))

    return {"memory_remember": remember, "memory_recall": recall, "memory_forget": forget}


def _found(user: User, session_id: UUID, query: str) -> list[Memory]:
    keys = traces.entries(user.pk, query)
    rows = Memory.objects.told_in(session_id).filter(user=user).in_bulk(keys)
    return [rows[key] for key in keys if key in rows][:_MOST]


def _forget(user: User, memory_id: int) -> None:
    if not entries.delete(user, Memory.objects.visible_to(user).filter(pk=memory_id)):
        raise NotFound(_("Memory %(id)s not found.") % {"id": memory_id})
