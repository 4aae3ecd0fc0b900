"""Vendors that have just failed, and until when whoever has another model need not ask them.

    the key is refused    the provider with this key, until the key is another one (a day at most)
    its quota is spent    the provider with this key, until the vendor's word, else some minutes
    too many requests     the model with this key, until the vendor's word, else some seconds
    403                   the model with this key, for some minutes
    5xx, silence          the model with this key, after several in a minute, for half a minute

All processes share it in Valkey. While that is away each goes by what it has seen itself, and no
request fails, or waits for long. The names there are digests: no key can be read from them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.utils.crypto import salted_hmac

from providers.errors import (
    ProviderError,
    ProviderFailed,
    ProviderKeyInvalid,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
)
from providers.types import Target
from rini.errors import Unavailable
from rini.storage import valkey

T = TypeVar("T")
DAY = 86_400.0
REFUSED_SECONDS = 300.0
LIMITED_SECONDS = 5.0
FAILURES = 3
FAILURES_WITHIN_SECONDS = 60
FAILED_SECONDS = 30.0
OPEN, COUNTED = "breaker:open:", "breaker:failures:"
_PATIENCE_SECONDS = 0.25
_AWAY_SECONDS = 5.0
_MOST_REMEMBERED = 1000
_PASSING = (ProviderTimeout, ProviderUnavailable, ProviderFailed)


async def failed(target: Target, error: ProviderError) -> None:
    """A call has failed: open the breaker, if that is what the failure means."""
    if isinstance(error, _PASSING):
        place = _place(target, target.model)
        if await _failures(place) >= FAILURES:
            await _open(place, FAILED_SECONDS)
    elif isinstance(error, ProviderKeyInvalid):
        if error.vendor_status == 403:  # it may be about this model, or this address, alone
            await _open(_place(target, target.model), REFUSED_SECONDS)
        else:
            await _open(_place(target), DAY)
    elif isinstance(error, ProviderQuotaExhausted):
        await _open(_place(target), error.retry_after or REFUSED_SECONDS)
    elif isinstance(error, ProviderRateLimited):
        await _open(_place(target, target.model), error.retry_after or LIMITED_SECONDS)


async def answered(target: Target) -> None:
    """A call has gone well: what this process knows against its vendor is over."""
    known = [place for place in _places(target) if place in _until or place in _counts]
    if not known:
        return
    for place in known:
        _until.pop(place, None)
        _counts.pop(place, None)
    names = [prefix + place for place in known for prefix in (OPEN, COUNTED)]
    await _shared(lambda: valkey.async_client().delete(*names))


async def are_open(targets: Sequence[Target]) -> list[bool]:
    """Of each, whether it need not be asked now."""
    places = [place for target in targets for place in _places(target)]
    values = await _shared(lambda: valkey.async_client().mget([OPEN + place for place in places]))
    if values is not None:
        for place, value in zip(places, values, strict=True):
            _until.pop(place, None)
            if value is not None:
                _remember(_until, place, float(value))
    return [seems_open(target) for target in targets]


def seems_open(target: Target) -> bool:
    """Whether that is the last that this process has heard: for who cannot ask."""
    now = time.time()
    return any(_until.get(place, 0) > now for place in _places(target))


async def _open(place: str, seconds: float) -> None:
    seconds = min(seconds, DAY)
    until = time.time() + seconds
    _remember(_until, place, until)
    name, milliseconds = OPEN + place, max(1, int(seconds * 1000))
    await _shared(lambda: valkey.async_client().set(name, until, px=milliseconds))


async def _failures(place: str) -> int:
    """How many there were lately, with this one."""
    count, since = _counts.get(place, (0, time.monotonic()))
    if time.monotonic() - since >= FAILURES_WITHIN_SECONDS:
        count, since = 0, time.monotonic()
    _remember(_counts, place, (count + 1, since))

    async def counted() -> int:
        async with valkey.async_client().pipeline(transaction=True) as pipe:
            pipe.incr(COUNTED + place)
            pipe.expire(COUNTED + place, FAILURES_WITHIN_SECONDS)
            return int((await pipe.execute())[0])

    shared = await _shared(counted)
    return count + 1 if shared is None else shared


async def _shared(ask: Callable[[], Awaitable[T]]) -> T | None:
    """What Valkey says; None while it is away, which nobody waits for again and again."""
    if time.monotonic() < _valkey.away_until:
        return None
    try:
        with valkey.needed(""):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await ask()
    except (Unavailable, TimeoutError):
        _valkey.away_until = time.monotonic() + _AWAY_SECONDS
        return None


def _places(target: Target) -> tuple[str, str]:
    return _place(target), _place(target, target.model)


def _place(target: Target, model: str = "") -> str:
    key = target.api_key.reveal() if target.api_key else ""
    return salted_hmac(__name__, "\0".join((target.provider, key, model))).hexdigest()


def _remember(memory: dict[str, T], place: str, value: T) -> None:
    if len(memory) >= _MOST_REMEMBERED and place not in memory:
        memory.clear()
    memory[place] = value


@dataclass
class _Valkey:
    away_until: float = 0.0


_valkey = _Valkey()
_until: dict[str, float] = {}
"""By the wall clock, which processes have in common."""
_counts: dict[str, tuple[int, float]] = {}
"""Failures, and when the first of them was, by the monotonic clock."""
