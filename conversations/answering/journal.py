"""The journal of a generation: one ordered list of events that everybody reads by a cursor.

    append ─► LiveJournal (memory) ─► readers in this process, at once
                  └─ Writer: one insert for all journals of the process, every 100 ms
                         └─ JournalSegment (PostgreSQL) ─► readers elsewhere, and after a restart

A writer that was declared dead stores nothing any more: its insert takes only generations that are
still `running`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction

from conversations.answering.events import TERMINAL, EventType, JournalEvent
from conversations.message_json import terminal_data
from conversations.models import Generation, GenerationStatus, JournalSegment
from rini.storage.database import in_database_patiently
from rini.storage.loops import PerLoop
from rini.storage.notifications import listener, notify
from rini.storage.statements import execute, names, selected

LOOK_AGAIN_SECONDS = 2.0  # should a notification get lost
Segment = tuple[UUID, list[JournalEvent]]
_live: dict[UUID, LiveJournal] = {}


class LiveJournal:
    """The journal of a generation that runs in this process."""

    def __init__(self, generation_id: UUID, fenced: Callable[[], None]) -> None:
        """`fenced` is called if the generation was taken away from this process."""
        self.generation_id = generation_id
        self.fenced = fenced
        self.events: list[JournalEvent] = []
        self._stored = 0
        self._abandoned = False
        self._readers: set[asyncio.Event] = set()
        _live[generation_id] = self

    def append(self, type_: EventType, data: Mapping[str, Any]) -> None:
        """Add an event: readers have it at once, PostgreSQL with the next flush."""
        self._add(JournalEvent(len(self.events) + 1, type_, data, self.generation_id))
        _writer().soon(self)

    async def close(self, store: Callable[[list[JournalEvent]], JournalEvent]) -> None:
        """End the journal: `store` gets the events that are not stored yet, commits them together
        with the end of the generation, and returns the terminal event, which readers get then."""
        await _writer().release(self)
        self._add(await in_database_patiently(store, self.unstored()))
        _live.pop(self.generation_id, None)

    def abandon(self) -> None:
        """Let the readers go without an end; they find it in PostgreSQL, if there is one."""
        _live.pop(self.generation_id, None)
        self._abandoned = True
        self._wake()

    def unstored(self) -> list[JournalEvent]:
        return self.events[self._stored :]

    def mark_stored(self, events: Sequence[JournalEvent]) -> None:
        self._stored += len(events)

    async def follow(self, after: int) -> AsyncGenerator[list[JournalEvent], None]:
        """The events after number `after`, as many at once as there are, to the terminal one."""
        woken = asyncio.Event()
        self._readers.add(woken)
        position = after
        try:
            while not self._abandoned:
                woken.clear()
                if fresh := self.events[position:]:
                    position = len(self.events)
                    yield fresh
                elif not self._is_ended:
                    await woken.wait()
                else:
                    return
        finally:
            self._readers.discard(woken)

    @property
    def _is_ended(self) -> bool:
        return bool(self.events) and self.events[-1].is_terminal

    def _add(self, event: JournalEvent) -> None:
        self.events.append(event)
        self._wake()

    def _wake(self) -> None:
        for woken in self._readers:
            woken.set()


class Writer:
    """Stores what the journals of this process have new, all in one statement."""

    def __init__(self) -> None:
        self._waiting: set[LiveJournal] = set()
        self._in_flight: set[LiveJournal] = set()
        self._task: asyncio.Task[None] | None = None
        self._flushed = asyncio.Condition()

    def soon(self, journal: LiveJournal) -> None:
        """Have the journal stored with the next flush."""
        self._waiting.add(journal)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="journal writer")

    async def release(self, journal: LiveJournal) -> None:
        """Return when no flush has, or will have, anything of this journal."""
        self._waiting.discard(journal)
        async with self._flushed:
            await self._flushed.wait_for(lambda: journal not in self._in_flight)

    async def _run(self) -> None:
        while self._waiting:
            # Readers of this process have the events already; it is those elsewhere who wait.
            await asyncio.sleep(settings.JOURNAL_FLUSH_SECONDS)
            self._in_flight, self._waiting = self._waiting, set()
            try:
                await self._flush([(j, j.unstored()) for j in self._in_flight])
            finally:
                async with self._flushed:
                    self._in_flight = set()
                    self._flushed.notify_all()

    async def _flush(self, batch: list[tuple[LiveJournal, list[JournalEvent]]]) -> None:
        segments = [(journal.generation_id, events) for journal, events in batch if events]
        if not segments:
            return
        running = await in_database_patiently(store, segments)
        for journal, events in batch:
            journal.mark_stored(events)
            if events and journal.generation_id not in running:
                journal.fenced()


# FOR SHARE waits for whoever is ending the generation, so that nothing follows its last event. On
# a conflict the segment is there: it was stored by a try whose answer got lost.
_STORE = """
    WITH fresh AS (
        SELECT * FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::jsonb[])
            AS t (generation_id, first_seq, last_seq, events)
    ), running AS (
        SELECT id FROM conversations_generation
        WHERE id = ANY(%s) AND status = 'running' ORDER BY id FOR SHARE
    ), stored AS (
        INSERT INTO conversations_journalsegment (generation_id, first_seq, last_seq, events)
        SELECT fresh.* FROM fresh JOIN running ON running.id = fresh.generation_id
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM running
"""
_SEGMENTS = f"""
    SELECT {names(JournalSegment)} FROM conversations_journalsegment
    WHERE generation_id = %s AND last_seq > %s ORDER BY first_seq
"""  # noqa: S608  # names of columns


@transaction.atomic(savepoint=False)
def store(segments: list[Segment]) -> set[UUID]:
    """Append segments; returns the generations that are still running (the others are fenced)."""
    ids = [generation_id for generation_id, _ in segments]
    stored = execute(
        _STORE,
        [
            ids,
            [events[0].seq for _, events in segments],
            [events[-1].seq for _, events in segments],
            [_json(events) for _, events in segments],
            ids,
        ],
    )
    running = {row[0] for row in stored}
    notify(f"journal:{generation_id}" for generation_id in running)
    return running


def _json(events: Sequence[JournalEvent]) -> str:
    return orjson.dumps([event.stored() for event in events]).decode()


async def follow(generation_id: UUID, after: int = 0) -> AsyncGenerator[list[JournalEvent], None]:
    """The events of any generation after number `after`, wherever it runs, to the terminal one."""
    live = _live.get(generation_id)
    stream = live.follow(after) if live else _follow_stored(generation_id, after)
    async with aclosing(stream):
        async for events in stream:
            yield events


async def _follow_stored(
    generation_id: UUID, after: int
) -> AsyncGenerator[list[JournalEvent], None]:
    woken = asyncio.Event()
    with listener().listening(f"journal:{generation_id}", woken.set):
        while True:
            woken.clear()
            events, ended = await in_database_patiently(read, generation_id, after)
            if events:
                after = events[-1].seq
                yield events
            if ended:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), LOOK_AGAIN_SECONDS)


def is_read(generation_id: UUID, after: int) -> bool:
    """Whether nothing follows event number `after`, and nothing will. Needs the database."""
    events, ended = read(generation_id, after)
    return ended and not events


def read(generation_id: UUID, after: int) -> tuple[list[JournalEvent], bool]:
    """The stored events after number `after`, and whether none can follow them."""
    # The state first: what is stored before a generation ends is then surely read.
    generation = Generation.objects.filter(id=generation_id).first()
    if generation is None:
        return [], True
    events = stored_events(generation_id, after)
    ended = generation.status != GenerationStatus.RUNNING
    if ended and not events and after < (generation.last_seq or 0):
        events = [_remembered_end(generation)]
    return events, ended


def stored_events(generation_id: UUID, after: int = 0) -> list[JournalEvent]:
    """The stored events after number `after`, in their order."""
    segments = selected(JournalSegment, _SEGMENTS, [generation_id, after])
    return [
        JournalEvent.from_stored(segment.first_seq + index, stored, generation_id)
        for segment in segments
        for index, stored in enumerate(segment.events)
        if segment.first_seq + index > after
    ]


def _remembered_end(generation: Generation) -> JournalEvent:
    """The terminal event of a generation whose journal has been trimmed; it has the whole text."""
    type_, data = TERMINAL[generation.status], terminal_data(generation)
    return JournalEvent(generation.last_seq or 0, type_, data, generation.id)


_writer = PerLoop(Writer)
