"""Answers for one reader, whose going away stops them: the text so far stays, and is billed.

For clients that cannot come back to an answer; those who can read the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from django.conf import settings

from conversations.answering.events import JournalEvent, failure_of
from conversations.answering.generation import Running
from conversations.models import GenerationStatus
from providers.errors import ProviderFailed
from rini.errors import Unavailable
from rini.translation import gettext as _


async def begun(running: Running) -> None:
    """Wait for the first piece of an answer, but not so long that a client loses patience.

    Raises the error of an answer that failed before it, while a reader can still be told by a
    status.
    """
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.STREAM_KEEPALIVE_SECONDS):
                await _second_event(running)
    except asyncio.CancelledError:
        running.cancel(GenerationStatus.STOPPED)
        raise
    if running.error and all(event.is_terminal for event in running.journal.events[1:]):
        raise running.error


async def _second_event(running: Running) -> None:
    async with aclosing(running.journal.follow(1)) as batches:
        async for _ in batches:
            return


async def events(
    running: Running, *, stops: bool = True
) -> AsyncGenerator[list[JournalEvent], None]:
    """The events of an answer from its beginning. If it `stops`, closing the generator stops it."""
    try:
        async with aclosing(running.journal.follow(0)) as batches:
            async for batch in batches:
                yield batch
    finally:
        if stops:
            running.cancel(GenerationStatus.STOPPED)  # does nothing to one that has ended


async def whole(running: Running) -> JournalEvent:
    """The terminal event of an answer that was written to its end, or stopped.

    Cancelling stops the answer. Raises its error, and `ProviderFailed` for one that broke off.
    """
    last: JournalEvent | None = None
    async with aclosing(events(running)) as every:
        async for batch in every:
            last = batch[-1]
    if running.error:
        raise running.error
    if last is None or not last.is_terminal:
        raise Unavailable(
            _("The answer's end could not be stored; its session may have been deleted.")
        )
    if failure := failure_of(last):
        raise ProviderFailed(failure)
    return last
