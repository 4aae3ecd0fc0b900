"""Answers being written. A generation runs as a task of this process, whoever listens.

    start ─► Rounds.events ─► LiveJournal ─► readers
                                  └─► endings.end (message, journal, state: one transaction)

A reader that goes away stops nothing. `stopping` does, from any process: it cancels the task,
which closes the connection to the vendor.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from functools import partial
from typing import assert_never
from uuid import UUID

import structlog
from django.conf import settings

from accounts.revocation import Right, watch
from conversations.answering import aftermath, endings
from conversations.answering.endings import Ending
from conversations.answering.events import EventType
from conversations.answering.journal import LiveJournal
from conversations.answering.rounds import Rounds
from conversations.answering.stopper import Stopper
from conversations.answering.turn import Turn
from conversations.models import FinishReason, Generation, GenerationStatus
from providers.types import Event, Finished, Keepsake, ReasoningDelta, TextDelta, ToolCallDelta
from rini.errors import RiniError, problem
from rini.storage.loops import PerLoop
from rini.text import storable
from rini.web.api import known_error
from rini.web.request_id import request_id

log = structlog.get_logger(__name__)
_running: dict[UUID, Running] = {}


class Running:
    """A generation of this process."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.id = turn.generation.id
        self.journal = LiveJournal(
            self.id, fenced=partial(self.cancel, GenerationStatus.INTERRUPTED)
        )
        self.error: RiniError | None = None
        self._cancelled_as: GenerationStatus | None = None
        self._writing: asyncio.Task[Finished] | None = None
        self._rounds = Rounds(turn, self.journal.append)
        # Whoever may not spend any more does not go on spending; who only logged out does.
        payer, target = turn.payer, turn.route.target
        model = f"{target.provider}/{target.model}"
        right = Right(payer.user_id, token_id=payer.token_id, model=model)
        self._release = watch().hold(right, lambda _: self.cancel(GenerationStatus.STOPPED))
        self.task = asyncio.create_task(self._run(), name=f"generation {self.id}")
        self.task.add_done_callback(self._done)

    def cancel(self, status: GenerationStatus) -> None:
        """End the answer where it is, with `status`; the vendor's connection closes at once."""
        if self._cancelled_as is None:
            self._cancelled_as = status
            if self._writing:
                self._writing.cancel()

    async def asked(self) -> None:
        """Return when the model has been asked, or will not be: until then a reader who is told
        that the answer has begun would only delay it. But no later than proxies lose patience."""
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.STREAM_KEEPALIVE_SECONDS):
                await self._rounds.asked.wait()

    async def _run(self) -> None:
        self.journal.append(EventType.STARTED, self._started())
        self._writing = asyncio.create_task(self._write())
        if self._cancelled_as:
            self._writing.cancel()
        await asyncio.wait({self._writing})
        self._rounds.asked.set()
        ending = self._ending(self._writing)
        try:
            await self.journal.close(partial(endings.end, self.id, ending=ending))
        except Generation.DoesNotExist:
            self.journal.abandon()  # deleted with its session while it was written
        else:
            await aftermath.follow_up(self.turn, ending.status, self._rounds.unsummarised)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._release()
        _running.pop(self.id, None)
        if not task.cancelled() and (error := task.exception()):
            # A bug: the generation stays as it is stored, and its readers are let go.
            log.error("a generation could not be ended", generation=str(self.id), exc_info=error)
            self.journal.abandon()

    def _started(self) -> dict[str, object]:
        generation = self.turn.generation
        return {
            "generation_id": str(generation.id),
            "session_id": str(generation.session_id),
            "user_message_id": generation.user_message_id,
            "assistant_message_id": generation.assistant_message_id,
            "provider": generation.provider,
            "model": generation.model,
        }

    async def _write(self) -> Finished:
        async with aclosing(self._rounds.events()) as events:
            async for event in events:
                if isinstance(event, Finished):
                    finished = event
                else:
                    self.journal.append(*as_journaled(event))
        return finished

    def _ending(self, writing: asyncio.Task[Finished]) -> Ending:
        records = self._rounds.records
        if writing.cancelled():
            return Ending(self._cancelled_as or GenerationStatus.INTERRUPTED, records)
        if error := writing.exception():
            self.error = known_error(error)
            described = problem(self.error, request_id())
            return Ending(GenerationStatus.FAILED, records, problem=described)
        reason = writing.result().reason
        is_whole = reason != "incomplete"
        return Ending(
            GenerationStatus.COMPLETED if is_whole else GenerationStatus.INCOMPLETE,
            records,
            FinishReason(reason) if is_whole else None,
            refused_images=self._rounds.refused_images,
            keepsakes=self._rounds.keepsakes,
        )


def as_journaled(event: Event) -> tuple[EventType, dict[str, object]]:
    """A model's event as type and data of the journal's."""
    match event:
        case TextDelta(text):
            return EventType.TEXT, {"text": storable(text)}
        case ReasoningDelta(text):
            return EventType.REASONING, {"text": storable(text)}
        case ToolCallDelta(index, id_, name, arguments):
            return EventType.TOOL, {
                "index": index,
                "id": storable(id_ or "") or None,
                "name": storable(name or "") or None,
                "arguments": storable(arguments),
            }
        case Keepsake() | Finished():
            raise ValueError("what readers are not shown is not a journaled event")
        case never:
            assert_never(never)


def start(turn: Turn) -> Running:
    """Begin to write the answer of an opened turn. It goes on when its caller is gone."""
    running = Running(turn)
    _running[running.id] = running
    _stopper().watch()
    return running


def cancel(generation_id: UUID, status: GenerationStatus) -> None:
    """End an answer if this process writes it; see `stopping` for the others."""
    if running := _running.get(generation_id):
        running.cancel(status)


async def all_ended(within: float) -> None:
    """Wait until no answer of this process is being written, but at most so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while _running:
                await asyncio.wait({running.task for running in _running.values()})


async def interrupt_all() -> None:
    """End every answer of this process as `interrupted`, before the process ends."""
    running = list(_running.values())
    for one in running:
        one.cancel(GenerationStatus.INTERRUPTED)
    if running:
        await asyncio.wait({one.task for one in running})


_stopper = PerLoop(lambda: Stopper(_running, partial(cancel, status=GenerationStatus.STOPPED)))
