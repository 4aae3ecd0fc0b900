"""One question, put to one model after the other until one begins to answer.

    the model that was named ─► the first fallback ─► the next ─► …
       unless its breaker is open (`providers.breaker`)

The next is asked only as long as nothing of an answer has been told, and only about failures that
another model may not have: a refused key, a spent quota, too many requests, a vendor that is away,
silent or broken, or has not got the model. What is wrong with the request is said at once. (Of
several keys of the operator's for one model the next is asked only about what is the key's.) Each
is a call of its own, with its own hold and its own ledger row. All of them together have as long as
one vendor may be silent (``PROVIDER_READ_TIMEOUT``), each an equal share of what is left.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TypeVar
from urllib.parse import quote

from django.conf import settings

from accounts.authentication import Caller
from billing.holds import Payer
from billing.models import UsageRecord
from billing.purposes import Purpose
from providers import breaker, catalogue
from providers.errors import (
    ModelNotFound,
    ProviderError,
    ProviderKeyInvalid,
    ProviderRateLimited,
    ProviderRefused,
)
from providers.fitting import with_limit_of
from providers.gateway import Call, check_size
from providers.types import ChatRequest, Target
from rini.errors import RiniError

T = TypeVar("T")
NAMED_IN = "x-rini-model"
"""The header of an answer that says whose it is."""


class Attempts:
    """The calls of one question, in their order. Read either `stream` or `whole`, once."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.call = calls[0]
        """The one that answers, or was asked last."""
        self.has_begun = False
        """Whether something of the answer has been told."""
        self._calls = calls
        self._asked: list[Call] = []
        self._failures: list[RiniError] = []

    @property
    def records(self) -> list[UsageRecord]:
        """The ledger rows of the calls that have ended, however they did."""
        return [call.record for call in self._asked if call.record]

    @property
    def vendor_seconds(self) -> float:
        """How long the vendors took to answer or to fail."""
        return sum(call.vendor_seconds for call in self._asked)

    @property
    def headers(self) -> dict[str, str]:
        """Who answers, once that is known."""
        return {NAMED_IN: quote(_name(self.call), safe="/:@+,=~")} if self.has_begun else {}

    def named(self, asked: str) -> str:
        """The name of the model that answers: as it was `asked` for, or that of a fallback."""
        return asked if _name(self.call) == _name(self._calls[0]) else _name(self.call)

    async def stream(
        self, read: Callable[[Call], AsyncGenerator[T, None]]
    ) -> AsyncGenerator[T, None]:
        """What `read` makes of the call that answers. Raises what the first call does, if none
        does better."""
        for call in self._in_turn(await self._to_ask()):
            try:
                async with aclosing(read(call)) as pieces:
                    async for piece in pieces:
                        self.has_begun = True
                        yield piece
                return
            except RiniError as error:
                self._failed(error)
        raise self._failures[0]

    async def whole(self, ask: Callable[[Call], Awaitable[T]]) -> T:
        """As `stream`, for an answer that comes as one."""
        for call in self._in_turn(await self._to_ask()):
            try:
                answer = await ask(call)
            except RiniError as error:
                self._failed(error)
            else:
                self.has_begun = True
                return answer
        raise self._failures[0]

    async def _to_ask(self) -> Sequence[Call]:
        """Those whose breaker is closed; if all are open, the first."""
        if len(self._calls) == 1:
            return self._calls
        are_open = await breaker.are_open([call.target for call in self._calls])
        closed = [call for call, is_open in zip(self._calls, are_open, strict=True) if not is_open]
        return closed or self._calls[:1]

    def _in_turn(self, calls: Sequence[Call]) -> Iterator[Call]:
        ends = time.monotonic() + settings.PROVIDER_READ_TIMEOUT
        for place, call in enumerate(calls):
            left = ends - time.monotonic()
            if place and left <= 0:
                return
            if self._would_fail_too(call):
                continue
            if len(calls) > 1:
                call.patience = left / len({_name(other) for other in calls[place:]})
            self.call = call
            self._asked.append(call)
            yield call

    def _would_fail_too(self, call: Call) -> bool:
        """Whether it is the model that has just failed, of what is not its key's."""
        if not self._failures or _name(call) != _name(self.call):
            return False
        return not isinstance(self._failures[-1], ProviderKeyInvalid | ProviderRateLimited)

    def _failed(self, error: RiniError) -> None:
        """Raise `error`, unless the next may be asked: a fallback may fail of anything."""
        if self.has_begun or not (self._failures or _may_pass(error)):
            raise error
        self._failures.append(error)


def prepare(
    caller: Caller,
    provider: str | None,
    model: str | None,
    request: ChatRequest,
    fallbacks: Sequence[str] | None = None,
) -> Attempts:
    """The calls for what a caller asked. Needs the database.

    Raises as `catalogue.resolve`, and `InvalidInput` for a request that holds too much.
    """
    check_size(request)
    route = catalogue.resolve(caller, provider=provider, model=model, fallbacks=fallbacks)
    return attempts(route.targets, request, Payer.of(caller, Purpose.CHAT))


def attempts(
    targets: Sequence[Target],
    request: ChatRequest,
    payer: Payer,
    placed: Callable[[], None] | None = None,
) -> Attempts:
    """The calls of a request at each of `targets`. Raises `InvalidInput` as `Call` does."""

    def call(target: Target) -> Call:
        is_same = target.provider == targets[0].provider
        fitting = request if is_same else with_limit_of(target, request)
        return Call(target, fitting, payer, placed)

    return attempts_by(targets, call)


def attempts_by(targets: Sequence[Target], call_of: Callable[[Target], Call]) -> Attempts:
    """The calls that `call_of` makes. Raises what it raises for the first; fallbacks that cannot
    be asked for this are left out."""
    calls = [call_of(targets[0])]
    for target in targets[1:]:
        try:
            calls.append(call_of(target))
        except RiniError:
            continue
    return Attempts(calls)


def _name(call: Call) -> str:
    return f"{call.target.provider}/{call.target.model}"


def _may_pass(error: RiniError) -> bool:
    """Whether another model may answer where this one has failed."""
    if isinstance(error, ProviderRefused):
        return isinstance(error, ModelNotFound)
    return isinstance(error, ProviderError)
