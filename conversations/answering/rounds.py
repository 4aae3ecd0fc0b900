"""The calls that an answer takes, one after the other, as one stream of events.

    gather ─► assemble ─► call ─┬─► events
       ▲                        │
       └──── told otherwise ◄───┘ refused before its first piece

Most answers take one. A model that refuses what it is told is told otherwise and asked again: with
half of the turns where it counts more tokens than Rini, without the images of earlier turns where
it does not take one. Each call has its own hold and its own ledger row, all of one message.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from billing.models import UsageRecord
from conversations.answering import context, gathering, images, prompt
from conversations.answering.citing import CitationReader
from conversations.answering.events import EventType
from conversations.answering.gathering import Gathered
from conversations.answering.turn import Turn
from providers.errors import ContextTooLong, ModelNotFound, ProviderRefused
from providers.gateway import Call
from providers.types import ChatMessage, ChatRequest, Event, Finished, Keepsake, TextDelta
from rini.storage.database import in_database


class Rounds:
    """The calls of one answer. Read `events` once; closing it stops the call that runs."""

    def __init__(self, turn: Turn, tell: Callable[[EventType, Mapping[str, Any]], None]) -> None:
        """`tell` gets what readers are told beside the model's events."""
        self.asked = asyncio.Event()
        """From now on it is the first vendor's turn."""
        self.unsummarised: int | None = None
        """The last message of which the model got nothing."""
        self.refused_images: list[int] = []
        """The messages whose images were left out since their vendor had refused one."""
        self.keepsakes: list[Keepsake] = []
        """What the vendor wants back with the answer."""
        self._turn = turn
        self._tell = tell
        self._calls: list[Call] = []
        self._is_shortened = False

    @property
    def records(self) -> list[UsageRecord]:
        """The ledger rows of the calls that have ended, however they did."""
        return [call.record for call in self._calls if call.record]

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer as it comes; the last event is a `Finished`, and none is a `Keepsake`.

        Raises `ProviderError`, and what `gathering.gather` does.
        """
        told = self._turn.told
        async with aclosing(
            self._gathered() if told is None else self._call(told).events()
        ) as all_:
            async for event in all_:
                if isinstance(event, Keepsake):
                    self.keepsakes.append(event)
                else:
                    yield event

    async def _gathered(self) -> AsyncGenerator[Event, None]:
        gathered: Gathered | None = await gathering.gather(self._turn)
        if recollection := self._turn.recollection:
            self._tell(EventType.RECALLED, recollection.event())
        if gathered and gathered.passages:
            self._tell(EventType.RETRIEVED, gathered.passages.event())
        while gathered:
            began = False
            try:
                async with aclosing(self._answer(gathered)) as events:
                    async for event in events:
                        began = True
                        yield event
                return
            except ProviderRefused as refusal:
                gathered = None if began else await self._otherwise(gathered, refusal)
                if gathered is None:
                    raise

    def _answer(self, gathered: Gathered) -> AsyncGenerator[Event, None]:
        answer = self._call(self._prompt(gathered)).events()
        if gathered.passages is None:
            return answer
        return self._cited(answer, len(gathered.passages.citations))

    async def _cited(
        self, answer: AsyncGenerator[Event, None], passages: int
    ) -> AsyncGenerator[Event, None]:
        """`answer` without the numbers of passages that there are not."""
        reader = CitationReader(range(1, passages + 1))
        async with aclosing(answer) as events:
            async for event in events:
                is_text = isinstance(event, TextDelta)
                shown = reader.feed(event.text) if isinstance(event, TextDelta) else ""
                shown += reader.end() if isinstance(event, Finished) else ""
                if shown:
                    yield TextDelta(shown)
                for number in reader.taken():
                    self._tell(EventType.DROPPED, {"number": number})
                if not is_text:
                    yield event

    def _prompt(self, gathered: Gathered) -> Sequence[ChatMessage]:
        history, recollection = gathered.history, self._turn.recollection
        self.unsummarised = history.unsummarised
        return prompt.assemble(
            history.system_prompt,
            history.turns,
            history.summary,
            images=gathered.images,
            passages=gathered.passages.told if gathered.passages else "",
            memory=recollection.block if recollection else "",
            recalled=recollection.with_question if recollection else "",
        )

    def _call(self, messages: Sequence[ChatMessage]) -> Call:
        choice = self._turn.choice
        request = ChatRequest(messages, choice.params, choice.usual)
        call = Call(self._turn.route.target, request, self._turn.payer, placed=self.asked.set)
        self._calls.append(call)
        return call

    async def _otherwise(self, gathered: Gathered, refusal: ProviderRefused) -> Gathered | None:
        """What to send the model in place of what it has refused; None if nothing can be done."""
        match refusal:
            case ModelNotFound():
                return None
            case ContextTooLong():
                return None if self._is_shortened else await self._halved(gathered)
            case _:
                return self._without_images(gathered)

    async def _halved(self, gathered: Gathered) -> Gathered | None:
        self._is_shortened = True
        history = await in_database(context.halved, gathered.history, self._turn.route)
        return replace(gathered, history=history) if history else None

    def _without_images(self, gathered: Gathered) -> Gathered | None:
        turns = images.suspects(gathered.history.turns, gathered.images)
        self.refused_images += [turn.id for turn in turns]
        return replace(gathered, images=images.without(gathered.images, turns)) if turns else None
