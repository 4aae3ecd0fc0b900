"""Bounds on what clients describe in JSON Schema: tools and formats of answers.

A few hundred bytes of nested ``$ref`` can stand for gigabytes, and deep nesting for a stack that
overflows. A wire checks both before it walks, expands or sends what a client wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Any

from providers.wires.parameters import refused
from rini.translation import gettext as _

MAX_DEPTH = 64
"""Levels of JSON: a property of an object takes two."""
MAX_NODES = 50_000
"""Values of any kind in all tools of a request together."""
MAX_BYTES = 2 * 1024 * 1024
"""Of names and texts, as UTF-8."""


def check_bounds(value: object, name: str, provider: str) -> None:
    """Raise ProviderRefused if `value`, the parameter `name`, is too deep, too many or too long."""
    room, size, level = MAX_NODES, 0, [value]
    for __ in range(MAX_DEPTH):
        room -= len(level)
        if room < 0:
            raise refused(
                provider,
                _("takes no %(name)s of more than %(most)s values.")
                % {"name": name, "most": MAX_NODES},
                name,
            )
        size += sum(_bytes(item) for item in level)
        if size > MAX_BYTES:
            raise refused(
                provider,
                _("takes no %(name)s of more than %(most)s bytes.")
                % {"name": name, "most": MAX_BYTES},
                name,
            )
        level = list(islice(chain.from_iterable(map(_inner, level)), room + 1))
        if not level:
            return
    raise refused(
        provider,
        _("takes no %(name)s of more than %(most)s levels.") % {"name": name, "most": MAX_DEPTH},
        name,
    )


def object_schema(schema: object, name: str, provider: str) -> dict[str, Any]:
    """`schema` as the schema of an object, which it is without saying so if it has no type.

    Raises ProviderRefused for what is no JSON object.
    """
    if schema is None:
        return {"type": "object", "properties": {}}
    if not isinstance(schema, Mapping):
        raise refused(
            provider,
            _("takes %(name)s as a JSON schema, which is an object.") % {"name": name},
            name,
        )
    return {**schema} if "type" in schema else {"type": "object", **schema}


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
