"""The one way to call a chat model; `providers.embedding` is that for embeddings. Whoever comes
through here is metered; there is no other way.

    place a hold ─► ask the vendor ─► (events, or a whole answer) ─► settle the hold

A call is settled in every ending: finished, stopped by its reader, cut off, refused. If the process
dies first, `providers.tasks.sweep` settles it. Cancelling the task that reads closes the vendor's
connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence, Sized
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from django.conf import settings

from billing.holds import Payer
from billing.ledger import Outcome
from billing.models import UsageSource, UsageStatus
from billing.usage import Usage
from providers import bounds, demands, prompt_bound, token_counts
from providers.errors import ProviderError, ProviderTimeout, broken_off
from providers.events import ChunkReader, as_chunk
from providers.fitting import fitted
from providers.metering import COUNTED_AT_ONCE, Metered
from providers.output_bound import most_output, with_a_limit
from providers.pieces import Pieces
from providers.thinking import thinks, tokens_in
from providers.types import ChatRequest, Chunk, Completion, Event, Target
from rini.storage.loops import uninterrupted
from rini.translation import gettext as _


def check_size(request: ChatRequest) -> None:
    """Raise `InvalidInput` for a request that holds too much, whatever the vendor."""
    bounds.check_messages(request.messages)
    bounds.check_params(request.params)


class Call(Metered):
    """One metered call of a chat model. Read either `events`, `chunks` or `completion`, once."""

    def __init__(
        self,
        target: Target,
        request: ChatRequest,
        payer: Payer,
        placed: Callable[[], None] | None = None,
    ) -> None:
        """Raises `InvalidInput` for what no vendor may be asked for (see `providers.demands`)."""
        demands.check(request.params)
        demands.check_target(target, request.params)
        super().__init__(target, payer, placed)
        self.request = with_a_limit(target, fitted(target, request))
        self.patience: float | None = None
        """Seconds until something of the answer has come; None: as long as its wire waits."""
        self._reader = ChunkReader()
        self._first_token_at: float | None = None
        self._thinks = thinks(target, request.params)
        self._is_whole = False

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer as it comes; the last event is a `Finished`. Raises `ProviderError`.

        Close it (`contextlib.aclosing`) when you stop reading early.
        """
        came = False
        async with aclosing(self._metered()) as pieces:
            async for __, events in pieces:
                for event in events:
                    came = True
                    yield event
        self._check(came=came)
        yield self._reader.finish()

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """The answer as the vendor's own chunks, in OpenAI's format; otherwise like `events`.

        Where others may be asked in its place (`patience`), chunks that say nothing yet wait for
        the first that does.
        """
        held: list[Chunk] = []
        is_held = self.patience is not None
        async with aclosing(self._metered()) as pieces:
            async for chunk, events in pieces:
                held.append(chunk)
                is_held = is_held and not events
                while held and not is_held:
                    yield held.pop(0)
        self._check(came=not is_held)
        for chunk in held:
            yield chunk

    async def completion(self) -> Completion:
        """The vendor's whole answer, in OpenAI's format. Raises `ProviderError`."""
        self._is_whole = True
        await self._place()
        status = UsageStatus.FAILED
        try:
            async with self._patient():
                completion = await self._complete()
            self._read(as_chunk(completion))  # one reader of usage for streams and whole answers
            status = self._status()
        except asyncio.CancelledError:
            status = UsageStatus.STOPPED
            raise
        except ProviderError as error:
            await self._failed(error)
            raise
        finally:
            await self._settle(status)
        return completion

    @property
    def is_cut_off(self) -> bool:
        """Whether the vendor has not said, at least so far, that its answer was at its end."""
        return self._reader.finish().reason == "incomplete"

    def _stream(self) -> AsyncGenerator[Chunk, None]:
        return self._wire.stream(self.target, self.request)

    async def _complete(self) -> Completion:
        return await self._wire.complete(self.target, self.request)

    async def _metered(self) -> AsyncGenerator[tuple[Chunk, Sequence[Event]], None]:
        await self._place()
        status = UsageStatus.FAILED  # in every ending that nobody has foreseen
        pieces = Pieces(self._stream(), lasting=self._thinks)
        try:
            while (chunk := await self._next(pieces)) is not None:
                yield chunk, self._read(chunk)
            status = self._status()
        # A reader leaves in two ways: its task is cancelled, or it closes this generator.
        except (asyncio.CancelledError, GeneratorExit):
            status = UsageStatus.STOPPED
            await uninterrupted(self._read_on(pieces))
            raise
        except ProviderError as error:
            await self._failed(error)
            raise
        finally:
            # The vendor first: it writes on, and is paid, while settling may wait for the database.
            await uninterrupted(pieces.close())
            await self._settle(status)

    def _check(self, *, came: bool) -> None:
        """Raise `ProviderFailed` for a stream that was cut before it said anything, where others
        may be asked in its place."""
        if not came and self.patience is not None and self.is_cut_off:
            raise broken_off(self.target.provider)

    async def _next(self, pieces: Pieces) -> Chunk | None:
        if self.patience is None or self._first_token_at is not None:
            return await pieces.next()
        async with self._patient():
            return await pieces.next()

    @asynccontextmanager
    async def _patient(self) -> AsyncGenerator[None, None]:
        """Wait no longer than there is patience since the call began. Raises `ProviderTimeout`."""
        left = None if self.patience is None else self._began + self.patience - time.monotonic()
        try:
            async with asyncio.timeout(left):
                yield
        except TimeoutError:
            raise ProviderTimeout(
                _("%(provider)s did not answer in time. Try again later.")
                % {"provider": self.target.provider}
            ) from None

    async def _read_on(self, pieces: Pieces) -> None:
        """Whoever leaves before the end has the thinking billed: the usage is worth a moment."""
        if self._first_token_at is not None and not self._reader.finish().usage.is_known:
            await pieces.read_on(settings.READ_ON_SECONDS, self._read)

    def _read(self, chunk: Chunk) -> Sequence[Event]:
        events = self._reader.feed(chunk)
        if self._first_token_at is None:
            self._answered()
            if self._reader.written:
                self._first_token_at = time.monotonic()
        return events

    def _status(self) -> UsageStatus:
        return UsageStatus.INCOMPLETE if self.is_cut_off else UsageStatus.COMPLETED

    def _characters(self) -> int:
        messages = self.request.messages
        sizes = (_characters(value) for message in messages for value in message.values())
        params = sum(map(_characters, self.request.params.values()))
        return sum(map(len, self._reader.written)) + sum(sizes) + params

    def _estimated_input(self) -> int:
        return token_counts.count_request(self.request, self.target.model)

    def _input_of_files(self) -> int:
        return prompt_bound.of_files(self.request, self.target)

    def _input_in_bytes(self) -> int:
        return prompt_bound.in_bytes(self.request, self.target)

    def _input_counted(self) -> int:
        return prompt_bound.counted(self.request, self.target)

    def _max_output(self) -> int | None:
        return most_output(self.target, self.request.params)

    def _outcome(self, status: UsageStatus, ended: float) -> Outcome:
        finished = self._reader.finish()
        told = finished.usage
        return Outcome(
            status=status,
            usage=self._usage(told, status, ended - self._began),
            source=UsageSource.VENDOR if told.is_known else UsageSource.ESTIMATED,
            model_answered=finished.model or "",
            service_tier=finished.service_tier,
            time_to_first_token_ms=self._milliseconds(self._first_token_at),
            duration_ms=self._milliseconds(ended),
        )

    def _usage(self, told: Usage, status: UsageStatus, seconds: float) -> Usage:
        """The vendor's counts, and estimates in place of those that it did not tell.

        A vendor that failed before its first token charges nothing. One that was cut off, or
        stopped, has read the whole prompt and written what came, and what it may have written out
        of sight.
        """
        if told.is_known:
            return told
        # No vendor bills a call that it refused or failed before it answered.
        if status == UsageStatus.FAILED and self._first_token_at is None:
            return Usage(input_tokens=0, output_tokens=0)
        estimated_input = self._estimated_input() + self._input_of_files()
        written = token_counts.count("".join(self._reader.written), self.target.model)
        if self._is_whole or self._thinks:
            is_cut = status in (UsageStatus.STOPPED, UsageStatus.INCOMPLETE)
            written = max(written, tokens_in(seconds) if is_cut else 0)
        most = self._max_output()
        written = written if most is None else min(written, most)
        return replace(
            told,
            input_tokens=estimated_input if told.input_tokens is None else told.input_tokens,
            output_tokens=max(written, told.output_tokens or 0),
        )


def _characters(value: object) -> int:
    """A text's; what holds many values may be of any size."""
    if isinstance(value, str):
        return len(value)
    return COUNTED_AT_ONCE if value and isinstance(value, Sized) else 0
