"""JSON schemas as Gemini reads them: it takes them as they are, but for one keyword.

Of what https://ai.google.dev/gemini-api/docs/structured-output does not name, Gemini ignores every
keyword. ``const`` is among these, and an ``enum`` of one value says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OF_SCHEMAS = frozenset(
    ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
)
_LISTS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_SINGLE = frozenset(
    ("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then")
)


def with_constants(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` with an ``enum`` beside every ``const``. Its depth must have been checked before."""
    told = {keyword: _inner(keyword, value) for keyword, value in schema.items()}
    const = schema.get("const")
    if isinstance(const, str | int | float) and not isinstance(const, bool):
        told.setdefault("enum", [const])
    return told


def _inner(keyword: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if keyword in _OF_SCHEMAS:
            return {name: _inner("items", schema) for name, schema in value.items()}
        return with_constants(value) if keyword in _SINGLE else value
    if isinstance(value, list) and (keyword in _LISTS or keyword == "items"):
        return [_inner("items", schema) for schema in value]
    return value
