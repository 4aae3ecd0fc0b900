"""Counters in Valkey that every process shares: so much of something within a minute.

A window begins with the first thing counted in it and lasts a minute. One script looks at all the
counters of a request and counts in all or in none, so that requests made at once do not slip
through, in one round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rini.storage import valkey
from rini.storage.valkey import Script
from rini.translation import gettext as _
from rini.translation import gettext_noop

SECONDS = 60
AWAY = gettext_noop("Rini cannot check your limits now: Valkey is away. Try again shortly.")
_COUNT = Script("""
local refused, answer = 0, {0}
for i, key in ipairs(KEYS) do
    local used, cost = tonumber(redis.call('GET', key) or '0'), tonumber(ARGV[2 * i])
    if refused == 0 and cost > 0 and used + cost > tonumber(ARGV[2 * i - 1]) then refused = i end
end
for i, key in ipairs(KEYS) do
    local cost = tonumber(ARGV[2 * i])
    if refused == 0 and cost > 0 then
        redis.call('INCRBY', key, cost)
        if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[#ARGV]) end
    end
    table.insert(answer, tonumber(redis.call('GET', key) or '0'))
    table.insert(answer, redis.call('PTTL', key))
end
answer[1] = refused
return answer
""")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units of something a minute. `key` is the counter's name in Valkey."""

    name: str
    key: str
    most: int


@dataclass(frozen=True, slots=True)
class State:
    """A limit and what is used of it; `resets_in` is in seconds."""

    limit: Limit
    used: int
    resets_in: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit.most - self.used)


@dataclass(frozen=True, slots=True)
class Counted:
    """The states of the limits that were looked at, and the one that would have been passed."""

    states: Sequence[State]
    refused: State | None


async def count(costs: Sequence[tuple[Limit, int]]) -> Counted:
    """Count the cost of each limit, or of none where one would be passed. A cost of 0 only looks.

    Raises `Unavailable` where Valkey is away.
    """
    with valkey.needed(_(AWAY)):
        return _counted(costs, await _COUNT.run(*_arguments(costs)))


def count_now(costs: Sequence[tuple[Limit, int]]) -> Counted:
    """`count` for sync code."""
    with valkey.needed(_(AWAY)):
        return _counted(costs, _COUNT.run_now(*_arguments(costs)))


async def change(limits: Sequence[Limit], by: int) -> None:
    """Count more, whatever the limit, or give back (`by` below 0). Raises `Unavailable`."""
    with valkey.needed(_(AWAY)):
        async with valkey.async_client().pipeline(transaction=True) as pipe:
            for limit in limits:
                pipe.incrby(limit.key, by)
                pipe.expire(limit.key, SECONDS, nx=True)
            await pipe.execute()


def _arguments(costs: Sequence[tuple[Limit, int]]) -> tuple[list[str], list[int]]:
    numbers = [number for limit, cost in costs for number in (limit.most, cost)]
    return [limit.key for limit, _ in costs], [*numbers, SECONDS * 1000]


def _counted(costs: Sequence[tuple[Limit, int]], answer: Any) -> Counted:
    refused, *numbers = answer
    pairs = zip(costs, numbers[::2], numbers[1::2], strict=True)
    states = [
        State(limit, used, left / 1000 if left > 0 else SECONDS) for (limit, _), used, left in pairs
    ]
    return Counted(states, states[refused - 1] if refused else None)
