"""Making the calls that a model asks for: each is a row before it is an act, and is made once.

    requested ─► running ─► done | failed
                    └─► unknown, where its process died or its answer was stopped

A call that waits for its user's yes goes on as `approved`, or ends as `denied`. The calls of a step
run side by side, each with a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.utils import timezone

from conversations.answering.events import EventType
from conversations.answering.tools.asked import Asked
from conversations.answering.tools.toolbox import Toolbox
from conversations.models import Generation
from conversations.tool_models import ToolCall, ToolCallState
from providers.tools.tool import Tool, ToolResult
from rini.storage.database import in_database, in_database_patiently
from rini.storage.notifications import listener
from rini.text import storable, storable_value
from rini.translation import gettext as _

Tell = Callable[[EventType, Mapping[str, Any]], None]
LOOK_AGAIN_SECONDS = 5.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that is to be made; without a tool there is none of that name."""

    row: ToolCall
    tool: Tool | None
    is_readable: bool
    """Its arguments are a JSON object."""


class Calling:
    """The calls of one answer."""

    def __init__(
        self, generation: Generation, toolbox: Toolbox, tell: Tell, *, told_foreign: bool
    ) -> None:
        """`told_foreign`: the model has been told what others wrote, in passages of documents."""
        self._generation = generation
        self._toolbox = toolbox
        self._tell = tell
        self._told_foreign = told_foreign
        self._made: set[tuple[str, bytes]] = set()

    async def made(self, step: int, asked: Sequence[Asked]) -> list[str]:
        """Make the calls of a step, and return what the model is told of each, in their order."""
        wanted = [self._wanted(step, call) for call in asked]
        await in_database(ToolCall.objects.bulk_create, [one.row for one in wanted])
        for one in wanted:
            self._tell(EventType.CALLED, _called(one.row))
        results = await asyncio.gather(*map(self._one, wanted))
        foreign = any(one.tool is not None and one.tool.spec.is_foreign for one in wanted)
        self._told_foreign = self._told_foreign or foreign
        return list(results)

    def repeats(self, asked: Sequence[Asked]) -> bool:
        """Whether all of these calls have been made before, with the same arguments."""
        keys = {
            (call.name, orjson.dumps(call.parsed(), option=orjson.OPT_SORT_KEYS)) for call in asked
        }
        again = keys <= self._made
        self._made |= keys
        return again

    def _wanted(self, step: int, asked: Asked) -> Wanted:
        arguments = asked.parsed()
        tool = self._toolbox.tools.get(asked.name)
        row = ToolCall(
            user_id=self._generation.user_id,
            generation=self._generation,
            step=step,
            name=storable(asked.name)[:64],
            arguments=storable_value(arguments or {}),
            waits=tool is not None
            and arguments is not None
            and self._toolbox.must_wait(tool, told_foreign=self._told_foreign),
        )
        return Wanted(row, tool, arguments is not None)

    async def _one(self, wanted: Wanted) -> str:
        row = wanted.row
        result = await self._result(wanted)
        state = ToolCallState.FAILED if result.is_error else ToolCallState.DONE
        if row.state == ToolCallState.DENIED:
            state = ToolCallState.DENIED
        await in_database_patiently(_end, row.id, state, result.text)
        data = {"id": str(row.id), "name": row.name, "result": result.text}
        structured = {"structured": result.structured} if result.structured is not None else {}
        self._tell(EventType.CALL_ENDED, {**data, "is_error": result.is_error, **structured})
        return result.text

    async def _result(self, wanted: Wanted) -> ToolResult:
        row, tool = wanted.row, wanted.tool
        if tool is None:
            known = ", ".join(self._toolbox.tools)
            return ToolResult(
                _("There is no tool %(name)s, only: %(known)s.")
                % {"name": row.name, "known": known},
                is_error=True,
            )
        if not wanted.is_readable:
            return ToolResult(_("The arguments are not a JSON object."), is_error=True)
        if row.waits and not await self._is_approved(row):
            return ToolResult(_("The user has not allowed this call."), is_error=True)
        row.started_at = timezone.now()
        await in_database(_begin, row.id, row.started_at)
        self._tell(EventType.CALLING, {"id": str(row.id)})
        try:
            async with asyncio.timeout(settings.TOOL_SECONDS):
                result = await tool.call(row.arguments)
        except TimeoutError:
            return ToolResult(
                _("The tool did not answer in %(seconds)g seconds; it may have acted.")
                % {"seconds": settings.TOOL_SECONDS},
                is_error=True,
            )
        except Exception as error:
            log.error("a tool has a defect", tool=row.name, exc_info=error)
            return ToolResult(_("The tool failed."), is_error=True)
        return ToolResult(storable(result.text), result.is_error, storable_value(result.structured))

    async def _is_approved(self, row: ToolCall) -> bool:
        """Wait for the user's yes or no, from whatever process it comes; no yes is a no."""
        self._tell(EventType.APPROVAL_REQUIRED, _called(row))
        woken = asyncio.Event()
        try:
            async with asyncio.timeout(settings.TOOL_APPROVAL_SECONDS):
                with listener().listening(f"tool:{row.id}", woken.set):
                    while (decided := await in_database_patiently(_decision, row.id)) is None:
                        woken.clear()
                        try:
                            await asyncio.wait_for(woken.wait(), LOOK_AGAIN_SECONDS)
                        except TimeoutError:
                            continue
        except TimeoutError:
            decided = None
        if decided is None:
            row.state = ToolCallState.DENIED
            return False
        row.state, row.arguments = decided
        return row.state == ToolCallState.APPROVED


def _called(row: ToolCall) -> dict[str, Any]:
    return {"id": str(row.id), "name": row.name, "arguments": row.arguments}


def _begin(call_id: UUID, at: Any) -> None:
    ToolCall.objects.filter(id=call_id).update(state=ToolCallState.RUNNING, started_at=at)


def _end(call_id: UUID, state: ToolCallState, result: str) -> None:
    ToolCall.objects.filter(id=call_id).update(state=state, result=result, ended_at=timezone.now())


def _decision(call_id: UUID) -> tuple[str, dict[str, Any]] | None:
    """The state and the arguments of a call that its user has decided about."""
    found = ToolCall.objects.filter(id=call_id).values_list("state", "arguments").first()
    if found is None:
        return ToolCallState.DENIED, {}  # deleted with its session
    return None if found[0] == ToolCallState.REQUESTED else found
