"""How much a value of JSON holds, found out without following more of it than is allowed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, islice

from rini.translation import gettext as _


def excess(value: object, *, depth: int, values: int, size: int) -> str:
    """What there is too much of in `value`, as ``"64 levels"``; empty where it is within bounds.

    `depth` in levels (a property of an object takes two), `values` of any kind, `size` in bytes of
    names and texts as UTF-8.
    """
    room, taken, level = values, 0, [value]
    for __ in range(depth):
        room -= len(level)
        if room < 0:
            return _("%(most)s values") % {"most": values}
        taken += sum(_bytes(item) for item in level)
        if taken > size:
            return _("%(most)s bytes") % {"most": size}
        level = list(islice(chain.from_iterable(map(_inner, level)), room + 1))
        if not level:
            return ""
    return _("%(most)s levels") % {"most": depth}


def _inner(item: object) -> Iterable[object]:
    if isinstance(item, Mapping):
        return item.values()
    return item if isinstance(item, list) else ()


def _bytes(item: object) -> int:
    if isinstance(item, str):
        return len(item.encode(errors="replace"))
    if isinstance(item, Mapping):
        return sum(len(str(key).encode(errors="replace")) for key in item)
    return 0
