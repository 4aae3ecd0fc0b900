"""Names that clients give as a model's, and behind which more stands than a model: ``agent/…``.

Providers does not know what that is: an app above registers it when it is ready, so that APIs which
go straight to the providers serve it all the same. Nothing of such an answer is stored, as of any
other of theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from accounts.authentication import Caller
from providers.fallbacks import Attempts
from providers.types import ChatRequest


@dataclass(frozen=True, slots=True)
class StandIn:
    """What stands for models whose names begin with `prefix` and a slash. The functions take what
    comes after that."""

    prefix: str
    call: Callable[[Caller, str, ChatRequest], Awaitable[Attempts]]
    """The calls of a model for a request to it. Raises `NotFound`, and what else speaks against
    it."""
    names: Callable[[Caller], Sequence[str]]
    """Those that the caller can use now. Needs the database."""
    find: Callable[[Caller, str], str]
    """The name by which it is listed. Needs the database; raises `NotFound`."""


_registered: dict[str, StandIn] = {}


def register(stand_in: StandIn) -> None:
    _registered[stand_in.prefix] = stand_in


def of(model: str) -> tuple[StandIn, str] | None:
    """What stands for a model of that name, and what comes after its prefix; None for most."""
    prefix, _, name = model.partition("/")
    stand_in = _registered.get(prefix)
    return (stand_in, name) if stand_in and name else None


def names(caller: Caller) -> list[tuple[str, str]]:
    """Every name that the caller can use now, whole, with its prefix. Needs the database."""
    return [
        (f"{prefix}/{name}", prefix)
        for prefix, stand_in in _registered.items()
        for name in stand_in.names(caller)
    ]
