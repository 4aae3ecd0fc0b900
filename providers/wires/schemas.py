"""Bounds on what clients describe in JSON Schema: tools and formats of answers.

A few hundred bytes of nested ``$ref`` can stand for gigabytes, and deep nesting for a stack that
overflows. A wire checks both before it walks, expands or sends what a client wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.extent import excess
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
    if too_much := excess(value, depth=MAX_DEPTH, values=MAX_NODES, size=MAX_BYTES):
        raise refused(
            provider,
            _("takes no %(name)s of more than %(bound)s.") % {"name": name, "bound": too_much},
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
