"""The calls that an answer takes, one after the other, as one stream of events.

    gather ─► assemble ─► call ─┬─► events
       ▲                        │
       └──── told otherwise ◄───┘ refused before its first piece

Most answers take one. A model that refuses what it is told is told otherwise and asked again: with
half of the turns where it counts more tokens than Rini, without the images of earlier turns where
it does not take one. One that does not answer at all is stood in for (`providers.fallbacks`); who
has begun the answer goes on with it. Each call has its own hold and its own ledger row, all of one
message.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from billing.models import UsageRecord
from conversations.answering import context, gathering, images, passages, prompt
from conversations.answering.citing import CitationReader
from conversations.answering.events import EventType
from conversations.answering.gathering import Gathered
from conversations.answering.tools import steps
from conversations.answering.tools.calling import Calling
from conversations.answering.tools.found import Numbered
from conversations.answering.turn import Turn
from providers import fallbacks
from providers.errors import ContextTooLong, ModelNotFound, ProviderRefused
from providers.fallbacks import Attempts
from providers.fitting import with_limit_of
from providers.gateway import Call
from providers.types import ChatMessage, ChatRequest, Event, Finished, Keepsake, Target, TextDelta
from rini.storage.database import in_database

USUAL_STEPS = 1
"""How often tools are called in an answer whose request does not say."""


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
        self._attempts: list[Attempts] = []
        self._is_shortened = False

    @property
    def records(self) -> list[UsageRecord]:
        """The ledger rows of the calls that have ended, however they did."""
        return [record for attempts in self._attempts for record in attempts.records]

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer as it comes; the last event is a `Finished`, and none is a `Keepsake`.

        Raises `ProviderError`, and what `gathering.gather` does.
        """
        told = self._turn.told
        async with aclosing(self._gathered() if told is None else self._told(told)) as all_:
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

    async def _told(self, told: Sequence[ChatMessage]) -> AsyncGenerator[Event, None]:
        """The answer to what the caller has put together, with passages if it asks for them."""
        found = await passages.of(self._turn, prompt.questions(told))
        if found is None:
            answer = self._answered(told)
        else:
            self._tell(EventType.RETRIEVED, found.event())
            known = Numbered(found.citations).numbers
            answer = self._cited(self._answered(prompt.with_passages(told, found.told)), known)
        async with aclosing(answer) as events:
            async for event in events:
                yield event

    def _answer(self, gathered: Gathered) -> AsyncGenerator[Event, None]:
        answer = self._in_steps(gathered)
        if gathered.passages is None and gathered.toolbox is None:
            return answer
        return self._cited(answer, gathered.numbered.numbers)

    def _in_steps(self, gathered: Gathered) -> AsyncGenerator[Event, None]:
        turn, told = self._turn, self._prompt(gathered)
        if gathered.toolbox is None:
            return self._answered(told)
        return steps.events(
            self._answered,
            told,
            gathered.toolbox,
            Calling(
                turn.generation,
                gathered.toolbox,
                self._tell,
                told_foreign=gathered.passages is not None,
            ),
            most=turn.choice.max_steps or USUAL_STEPS,
            choice=turn.choice.params.get("tool_choice"),
        )

    async def _cited(
        self, answer: AsyncGenerator[Event, None], known: Collection[int]
    ) -> AsyncGenerator[Event, None]:
        """`answer` without the numbers of passages that there are not."""
        reader = CitationReader(known)
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

    def _answered(
        self, messages: Sequence[ChatMessage], more: Mapping[str, Any] = MappingProxyType({})
    ) -> AsyncGenerator[Event, None]:
        turn, targets = self._turn, self._targets()
        request = ChatRequest(messages, {**turn.choice.params, **more}, turn.choice.usual)
        if targets[0].provider != turn.route.target.provider:
            request = with_limit_of(targets[0], request)
        attempts = fallbacks.attempts(targets, request, turn.payer, self.asked.set)
        self._attempts.append(attempts)
        return attempts.stream(Call.events)

    def _targets(self) -> Sequence[Target]:
        """Whom to ask: everybody, until one has begun. What that one thought, which goes along with
        the calls of tools, no other would take."""
        begun = next((one.call.target for one in self._attempts if one.has_begun), None)
        if begun is None:
            return self._turn.route.targets
        name = (begun.provider, begun.model)
        return [one for one in self._turn.route.targets if (one.provider, one.model) == name]

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
