"""What every call of a vendor has in common: a hold before it, and a settlement in every ending."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from uuid import uuid4

from accounts import rates
from billing import holds
from billing.holds import Payer
from billing.ledger import Outcome
from billing.models import UsageRecord, UsageStatus
from providers import breaker, observation
from providers.errors import ProviderError
from providers.types import Target
from providers.wires.registry import wire_named
from rini.errors import BudgetExceeded, RiniError
from rini.storage.loops import uninterrupted

T = TypeVar("T")
COUNTED_AT_ONCE = 4000
"""So many characters are counted in less time than it takes to change the thread."""


class Metered(ABC):
    """One call. Subclasses ask the vendor between `_place` and `_settle`.

    Afterwards `record` is the call's ledger row, also when it was cancelled or has raised.
    """

    def __init__(
        self, target: Target, payer: Payer, placed: Callable[[], None] | None = None
    ) -> None:
        """`placed` is called when the hold is there: from then on it is the vendor's turn."""
        self.id = uuid4()
        self.target = target
        self.payer = payer
        self.record: UsageRecord | None = None
        self._placed = placed
        self._wire = wire_named(target.wire)
        self._began = 0.0
        self._asked_at: float | None = None
        self._waited = 0.0
        self._reservation: rates.Reservation | None = None

    @property
    def vendor_seconds(self) -> float:
        """How long the vendor took to answer; for a stream, to its first chunk."""
        waiting = 0.0 if self._asked_at is None else time.monotonic() - self._asked_at
        return self._waited + waiting

    async def _place(self) -> None:
        estimated_input_tokens = await self._counted(self._estimated_input)
        self._reservation = await rates.reserve(estimated_input_tokens)
        try:
            await self._hold(estimated_input_tokens)
        except asyncio.CancelledError:
            await uninterrupted(self._take_back())
            raise
        except RiniError as error:
            if isinstance(error, BudgetExceeded):
                observation.refused(error)
            await self._count_tokens(0)
            raise
        self._began = self._asked_at = time.monotonic()
        observation.asked(self.target)
        if self._placed:
            self._placed()

    async def _hold(self, estimated_input_tokens: int) -> None:
        """Hold what the prompt's bytes may cost; if that is too much, what its tokens may."""
        of_files = await self._counted(self._input_of_files)
        place = partial(
            holds.place,
            self.id,
            self.payer,
            provider=self.target.provider,
            model=self.target.model,
            estimated_input_tokens=estimated_input_tokens + of_files,
            max_output_tokens=self._max_output(),
        )
        try:
            await place(most_input_tokens=await self._counted(self._input_in_bytes))
        except BudgetExceeded:
            await place(most_input_tokens=await self._counted(self._input_counted))

    async def _take_back(self) -> None:
        await holds.release(self.id)
        await self._count_tokens(0)

    async def _failed(self, error: ProviderError) -> None:
        observation.failed(self.target, self.payer.purpose, error)
        await breaker.failed(self.target, error)

    def _answered(self) -> None:
        """The vendor has answered; what Rini does from now on is its own time."""
        self._waited, self._asked_at = self.vendor_seconds, None

    @abstractmethod
    def _characters(self) -> int:
        """About how much text `_estimated_input` and `_outcome` have to count."""

    @abstractmethod
    def _estimated_input(self) -> int:
        """The tokens to be sent."""

    def _input_of_files(self) -> int:
        """The tokens that are charged beside those where the vendor tells none."""
        return 0

    @abstractmethod
    def _input_in_bytes(self) -> int:
        """At least as many tokens as will be sent, cheaply."""

    @abstractmethod
    def _input_counted(self) -> int:
        """At least as many tokens as will be sent, as exactly as possible."""

    @abstractmethod
    def _max_output(self) -> int | None:
        """The most tokens that can come back; None: nobody knows."""

    async def _settle(self, status: UsageStatus) -> None:
        self.record = await uninterrupted(self._settled(status, time.monotonic()))

    async def _settled(self, status: UsageStatus, ended: float) -> UsageRecord | None:
        outcome = await self._counted(partial(self._outcome, status, ended))
        usage = outcome.usage
        await self._count_tokens((usage.input_tokens or 0) + (usage.output_tokens or 0))
        record = await holds.settle(self.id, outcome)
        observation.settled(self.target, record)
        if status == UsageStatus.COMPLETED:
            await breaker.answered(self.target)
        return record

    async def _count_tokens(self, taken: int) -> None:
        """Correct what was counted against the caller's tokens per minute."""
        if self._reservation:
            await self._reservation.settle(taken)

    @abstractmethod
    def _outcome(self, status: UsageStatus, ended: float) -> Outcome:
        """How the call ended, at `ended` by the monotonic clock."""

    async def _counted(self, count: Callable[[], T]) -> T:
        """The result of `count`, which counts tokens: of much text not on the event loop."""
        if self._characters() <= COUNTED_AT_ONCE:
            return count()
        return await asyncio.to_thread(count)

    def _milliseconds(self, moment: float | None) -> int | None:
        return None if moment is None else round((moment - self._began) * 1000)
