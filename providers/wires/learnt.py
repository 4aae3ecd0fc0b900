"""What models of OpenAI's format have refused, learnt from their own words: once a process.

Servers differ in what they call the limit of an answer, and reasoning models take no temperature
but their own. Where a vendor says that it does not take such a parameter, it is asked again
without it, or with its other name, and not asked that way any more for a day. Nothing else is left
out: whoever asks for a format, a tool or a stop sequence wants it or an error.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Set
from typing import Any

from providers.errors import ProviderRefused
from providers.types import Target

Body = Mapping[str, Any]
DAY = 86_400.0
_MOST_MODELS = 1000
_OTHERWISE = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
    "temperature": "",
    "top_p": "",
    "presence_penalty": "",
    "frequency_penalty": "",
    "stream_options": "",
}
"""What a parameter is called elsewhere; empty: it is left out."""
_Place = tuple[str, str, str]
_learnt: dict[_Place, tuple[float, frozenset[str]]] = {}
"""When it was learnt, by the monotonic clock, and the names that a model refuses."""


def refused_by(target: Target) -> frozenset[str]:
    """The names that a model is known to refuse."""
    since, names = _learnt.get(_place(target), (0.0, frozenset[str]()))
    return names if time.monotonic() - since < DAY else frozenset()


def fitted(body: Body, refused: Set[str]) -> dict[str, Any]:
    """`body` without what its model refuses."""
    fit = dict(body)
    for name in sorted(refused & body.keys()):
        value, other = fit.pop(name), _OTHERWISE[name]
        if other:
            fit.setdefault(other, value)
    return fit


def lesson(body: Body, refusal: ProviderRefused, refused: Set[str]) -> str:
    """The name in `body` that a vendor says it does not take, if it may be asked otherwise; of
    two that are each other's other name one at the most is `refused`."""
    for name, other in _OTHERWISE.items():
        if name in body and not {name, other} & refused and _stands_in(name, refusal.unsupported):
            return name
    return ""


def remember(target: Target, refused: frozenset[str]) -> None:
    """Without these an answer came. (What a refusal says alone proves nothing: it may quote its
    caller.)"""
    if refused == refused_by(target):
        return
    if len(_learnt) >= _MOST_MODELS:
        _learnt.clear()
    _learnt[_place(target)] = (time.monotonic(), refused)


def _place(target: Target) -> _Place:
    return target.provider, target.base_url, target.model


def _stands_in(name: str, told: str) -> bool:
    return re.search(rf"\b{name}\b", told) is not None
