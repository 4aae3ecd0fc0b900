"""The one way to call a model. Whoever comes through here is metered; there is no other way.

    place a hold ─► ask the vendor ─► (events, or a whole answer) ─► settle the hold

A call is settled in every ending: finished, stopped by its reader, cut off, refused. If the process
dies first, `providers.tasks.sweep` settles it. Cancelling the task that reads closes the vendor's
connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from uuid import uuid4

from billing import holds
from billing.holds import Payer
from billing.ledger import Outcome
from billing.models import UsageRecord, UsageSource, UsageStatus
from billing.usage import Usage
from providers import tokens
from providers.events import ChunkReader, events_of
from providers.types import (
    ChatRequest,
    Chunk,
    Completion,
    Event,
    Finished,
    ReasoningDelta,
    Target,
    TextDelta,
    ToolCallDelta,
)
from providers.wires.registry import wire_named
from rini.database import in_database, in_database_patiently
from rini.loops import uninterrupted


class Call:
    """One metered call of a chat model. Read either `events`, `chunks` or `completion`, once.

    Afterwards `record` is the call's ledger row, also when it was cancelled or has raised.
    """

    def __init__(self, target: Target, request: ChatRequest, payer: Payer) -> None:
        self.id = uuid4()
        self.target = target
        self.request = request
        self.payer = payer
        self.record: UsageRecord | None = None
        self._wire = wire_named(target.wire)
        self._reader = ChunkReader()
        self._finished: Finished | None = None
        self._output: list[str] = []
        self._began = 0.0
        self._first_token_at: float | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer as it comes; the last event is a `Finished`. Raises `ProviderError`.

        Close it (`contextlib.aclosing`) when you stop reading early.
        """
        async with aclosing(self._metered()) as pieces:
            async for _, events in pieces:
                for event in events:
                    yield event
        yield self._end()

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """The answer as the vendor's own chunks, in OpenAI's format; otherwise like `events`."""
        async with aclosing(self._metered()) as pieces:
            async for chunk, _ in pieces:
                yield chunk

    async def completion(self) -> Completion:
        """The vendor's whole answer, in OpenAI's format. Raises `ProviderError`."""
        await self._place()
        status = UsageStatus.FAILED
        try:
            completion = await self._wire.complete(self.target, self.request)
            for event in events_of(completion):
                self._note(event)
            status = _status_of(self._end())
        except asyncio.CancelledError:
            status = UsageStatus.STOPPED
            raise
        finally:
            await self._settle(status)
        return completion

    async def _metered(self) -> AsyncGenerator[tuple[Chunk, list[Event]], None]:
        await self._place()
        status = UsageStatus.FAILED
        try:
            async with aclosing(self._wire.stream(self.target, self.request)) as chunks:
                async for chunk in chunks:
                    events = self._reader.feed(chunk)
                    for event in events:
                        self._note(event)
                    yield chunk, events
            status = _status_of(self._end())
        except (asyncio.CancelledError, GeneratorExit):
            status = UsageStatus.STOPPED
            raise
        finally:
            await self._settle(status)

    async def _place(self) -> None:
        try:
            await uninterrupted(in_database(self._place_hold))
        except asyncio.CancelledError:
            await uninterrupted(in_database_patiently(holds.release, self.id))
            raise
        self._began = time.monotonic()

    def _place_hold(self) -> None:
        holds.place(
            self.id,
            self.payer,
            provider=self.target.provider,
            model=self.target.model,
            estimated_input_tokens=tokens.count_messages(self.request.messages),
        )

    def _end(self) -> Finished:
        return self._finished or self._reader.finish()

    def _note(self, event: Event) -> None:
        if isinstance(event, Finished):
            self._finished = event
            return
        if self._first_token_at is None:
            self._first_token_at = time.monotonic()
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                self._output.append(text)
            case ToolCallDelta(arguments=arguments):
                self._output.append(arguments)

    async def _settle(self, status: UsageStatus) -> None:
        work = in_database_patiently(self._settle_hold, status, time.monotonic())
        self.record = await uninterrupted(work)

    def _settle_hold(self, status: UsageStatus, ended: float) -> UsageRecord | None:
        return holds.settle(self.id, self._outcome(status, ended))

    def _outcome(self, status: UsageStatus, ended: float) -> Outcome:
        """How the call ended. Counts tokens where the vendor has not: not for the event loop."""
        finished = self._end()
        usage = self._usage(finished.usage, status)
        return Outcome(
            status=status,
            usage=usage,
            source=UsageSource.VENDOR if finished.usage.is_known else UsageSource.ESTIMATED,
            model_answered=finished.model or "",
            time_to_first_token_ms=self._milliseconds(self._first_token_at),
            duration_ms=self._milliseconds(ended),
        )

    def _usage(self, told: Usage, status: UsageStatus) -> Usage:
        """The vendor's counts, and estimates in place of those that it did not tell.

        A vendor that failed before its first token charges nothing. One that was cut off, or
        stopped, has read the whole prompt and written what came.
        """
        if told.is_known:
            return told
        if status == UsageStatus.FAILED and self._first_token_at is None:
            return Usage(input_tokens=0, output_tokens=0)
        estimated_input = tokens.count_messages(self.request.messages)
        written = tokens.count("".join(self._output))
        return replace(
            told,
            input_tokens=estimated_input if told.input_tokens is None else told.input_tokens,
            output_tokens=max(written, told.output_tokens or 0),
        )

    def _milliseconds(self, moment: float | None) -> int | None:
        return None if moment is None else round((moment - self._began) * 1000)


def _status_of(finished: Finished) -> UsageStatus:
    incomplete = finished.reason == "incomplete"
    return UsageStatus.INCOMPLETE if incomplete else UsageStatus.COMPLETED
