"""Rini's own tools, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conversations.answering.tools import documents, memories, pages
from conversations.answering.tools.found import Numbered
from conversations.answering.tools.function_tool import Arguments, FunctionTool, reading
from conversations.answering.turn import Turn
from providers.tools.tool import Tool, ToolResult
from rini.errors import InvalidInput
from rini.translation import gettext as _

_TIME = reading(
    "current_time",
    "The date and time now.",
    [],
    is_foreign=False,
    timezone={"type": "string", "description": "An IANA name, as Asia/Seoul. Usual: UTC."},
)
SPECS = {_TIME.name: _TIME, **documents.SPECS, **memories.SPECS, **pages.SPECS}


def of(
    turn: Turn, names: Sequence[str], base_ids: Sequence[UUID] | None, numbered: Numbered
) -> list[Tool]:
    """The tools of these names, but for those of memory where that is off."""
    functions = {
        _TIME.name: _time,
        **documents.functions(turn.caller, base_ids, numbered),
        **pages.functions(),
        **(memories.functions(turn) if memories.are_offered(turn) else {}),
    }
    known = [name for name in dict.fromkeys(names) if name in functions]
    return [FunctionTool(SPECS[name], functions[name]) for name in known]


async def _time(arguments: Arguments) -> ToolResult:
    name = arguments.get("timezone") or "UTC"
    try:
        zone = ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(_("There is no time zone %(name)s.") % {"name": name}) from None
    now = datetime.now(zone)
    return ToolResult(f"{now.isoformat(timespec='seconds')} ({now:%A}, {name})")
