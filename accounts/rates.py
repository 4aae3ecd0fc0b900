"""Requests and tokens per minute, of a user and of an API token.

    admit ─► counts the request when its caller is known      429, before anything is done
    reserve ─► counts a call's estimated tokens               429, before the model is asked
    Reservation.settle ─► counts what it really took

A limit of 0 means none. Callers without limits cost nothing; with limits a request costs one round
trip to Valkey, and one more where a model is called and tokens are limited. Without Valkey limited
callers get 503: the limits are the operator's protection.

What an answer says of the limits (`RateHeaders`): the three fields that most clients know,
``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (draft-ietf-httpapi-ratelimit-headers-05), of the
limit that is closest to being reached, and all of them in the later drafts' structured
``RateLimit-Policy`` and ``RateLimit``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accounts import minute_counters
from accounts.minute_counters import Counted, Limit, State
from accounts.models import ApiToken, User
from rini.errors import RateLimited, Unavailable
from rini.translation import gettext as _
from rini.translation import gettext_noop

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Visit:
    """A request, and what is known of its caller's limits; `tokens` are those of tokens."""

    tokens: Sequence[Limit] = ()
    is_admitted: bool = False
    states: dict[str, State] = field(default_factory=dict)

    def note(self, counted: Counted) -> None:
        """Remember the states for the answer's headers. Raises `RateLimited`."""
        self.states |= {state.limit.name: state for state in counted.states}
        if counted.refused:
            raise RateLimited(_refusal(counted.refused), retry_after=counted.refused.resets_in)


_visit: ContextVar[Visit | None] = ContextVar("visit", default=None)


async def admit(user: User, token: ApiToken | None) -> None:
    """Count the current request against its caller's limits, once.

    Raises `RateLimited`, and `Unavailable` where the limits cannot be checked.
    """
    if arrival := _arrival(user, token):
        arrival.visit.note(await minute_counters.count(arrival.costs))


def admit_now(user: User, token: ApiToken | None) -> None:
    """`admit` for sync code."""
    if arrival := _arrival(user, token):
        arrival.visit.note(minute_counters.count_now(arrival.costs))


def are_counted(user: User, token: ApiToken | None) -> bool:
    """Whether requests of this caller are counted, or the tokens of its calls."""
    usual = (("requests", settings.REQUESTS_PER_MINUTE), ("tokens", settings.TOKENS_PER_MINUTE))
    return any(_limits(what, most, user, token) for what, most in usual)


def begin() -> None:
    """From here on it is another request: for connections that bring many."""
    _visit.set(Visit())


@dataclass(frozen=True, slots=True)
class Reservation:
    """Tokens that are counted for a call before anybody knows how many it takes."""

    limits: Sequence[Limit]
    tokens: int
    ends: float

    async def settle(self, taken: int) -> None:
        """Count what the call took in place of the estimate.

        What was reserved in a window that is over is not given back to the next.
        """
        more = taken - self.tokens
        if more == 0 or (more < 0 and time.monotonic() >= self.ends):
            return
        try:
            await minute_counters.change(self.limits, more)
        except Unavailable:
            log.warning("tokens were not counted: Valkey is away", tokens=more)


async def reserve(tokens: int) -> Reservation | None:
    """Count the estimated tokens of a call that the current request makes; None: no limit.

    Raises as `admit` does.
    """
    visit = _visit.get()
    if visit is None or not visit.tokens:
        return None
    counted = await minute_counters.count([(limit, tokens) for limit in visit.tokens])
    visit.note(counted)
    ends = min(state.resets_in for state in counted.states)
    return Reservation(visit.tokens, tokens, time.monotonic() + ends)


class RateHeaders:
    """ASGI middleware: every request is a visit, and its answer tells the limits that it met."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = Visit()
        _visit.set(visit)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start" and visit.states:
                MutableHeaders(scope=message).update(_headers(list(visit.states.values())))
            await send(message)

        await self.app(scope, receive, send_with_limits)


@dataclass(frozen=True, slots=True)
class _Arrival:
    visit: Visit
    costs: Sequence[tuple[Limit, int]]


def _arrival(user: User, token: ApiToken | None) -> _Arrival | None:
    """What the current request has to count; None: nothing, or it has counted already."""
    visit = _visit.get()
    if visit is None or visit.is_admitted:
        return None
    visit.is_admitted = True
    requests = _limits("requests", settings.REQUESTS_PER_MINUTE, user, token)
    visit.tokens = _limits("tokens", settings.TOKENS_PER_MINUTE, user, token)
    costs = [(limit, 1) for limit in requests] + [(limit, 0) for limit in visit.tokens]
    return _Arrival(visit, costs) if costs else None


def _limits(what: str, usual: int, user: User, token: ApiToken | None) -> list[Limit]:
    """The limits of requests or tokens, of the user and of the API token that speaks for it."""
    column = f"{what}_per_minute"
    own: int | None = getattr(user, column)
    counter = f"rini:rate:{{{user.pk}}}"  # in braces: one user's counters lie on one node
    limits = [Limit(f"{what}-of-user", f"{counter}:{what}", usual if own is None else own)]
    if token is not None:
        key = f"{counter}:{token.pk}:{what}"
        limits.append(Limit(f"{what}-of-token", key, getattr(token, column) or 0))
    return [limit for limit in limits if limit.most]


def _headers(states: Sequence[State]) -> dict[str, str]:
    closest = min(states, key=lambda state: state.remaining / state.limit.most)
    reset = {state.limit.name: math.ceil(state.resets_in) for state in states}
    policies = (f'"{s.limit.name}";q={s.limit.most};w={minute_counters.SECONDS}' for s in states)
    rests = (f'"{s.limit.name}";r={s.remaining};t={reset[s.limit.name]}' for s in states)
    return {
        "RateLimit-Limit": str(closest.limit.most),
        "RateLimit-Remaining": str(closest.remaining),
        "RateLimit-Reset": str(reset[closest.limit.name]),
        "RateLimit-Policy": ", ".join(policies),
        "RateLimit": ", ".join(rests),
    }


_REFUSALS = {
    "requests-of-user": gettext_noop(
        "This account may make %(most)s requests a minute; %(remaining)s are left for the next "
        "%(seconds)s s."
    ),
    "requests-of-token": gettext_noop(
        "This API token may make %(most)s requests a minute; %(remaining)s are left for the next "
        "%(seconds)s s."
    ),
    "tokens-of-user": gettext_noop(
        "This account may use %(most)s tokens a minute; %(remaining)s are left for the next "
        "%(seconds)s s."
    ),
    "tokens-of-token": gettext_noop(
        "This API token may use %(most)s tokens a minute; %(remaining)s are left for the next "
        "%(seconds)s s."
    ),
}


def _refusal(state: State) -> str:
    return _(_REFUSALS[state.limit.name]) % {
        "most": state.limit.most,
        "remaining": state.remaining,
        "seconds": math.ceil(state.resets_in),
    }
