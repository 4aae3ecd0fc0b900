"""A small value that fits a JSON Schema, for the demo model. Pure.

What makes a value valid is taken from JSON Schema (draft 2020-12) as far as tools and structured
outputs use it; a pattern is not solved. A schema that refers to itself ends where it may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DEEPEST = 12
"""Further down optional things are left out and the rest is null: recursion has to end."""
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_TEXT = "demo"


def value_for(schema: Any) -> Any:
    """A value that fits; the same every time."""
    return _value(schema, schema, 0)


def _value(schema: Any, root: Any, depth: int) -> Any:  # noqa: PLR0911  # one a keyword
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return None
    if "const" in schema:
        return schema["const"]
    if values := _listed(schema.get("enum")):
        return values[0]
    if examples := _listed(schema.get("examples")):
        return examples[0]
    if isinstance(reference := schema.get("$ref"), str):
        return _value(_target(reference, root), root, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        if choices := _listed(schema.get(keyword)):
            return _value(_merged(schema, _simplest(choices), keyword), root, depth + 1)
    if parts := _listed(schema.get("allOf")):
        whole: Mapping[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
        for part in parts:
            whole = _merged(whole, _resolved(part, root), "")
        return _value(whole, root, depth + 1)
    return _of_type(_type(schema), schema, root, depth)


def _of_type(kind: str, schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            count = max(_integer(schema.get("minItems"), 0), 0 if depth > DEEPEST // 2 else 1)
            if _integer(schema.get("maxItems"), count) < count:
                count = _integer(schema.get("maxItems"), 0)
            return [_value(schema.get("items", {}), root, depth + 1) for _ in range(min(count, 20))]
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema)


def _object(schema: Mapping[str, Any], root: Any, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    required = _listed(schema.get("required"))
    names = [*known, *(name for name in required if name not in known)]
    if depth > DEEPEST // 2:
        names = [name for name in names if name in required]
    return {name: _value(known.get(name, {}), root, depth + 1) for name in names}


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    value: float = 1
    if isinstance(least, int | float):
        value = max(value, least + ("minimum" not in schema))
    if isinstance(most, int | float) and value > most - ("maximum" not in schema):
        value = most - ("maximum" not in schema)
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0:
        value = -(-value // step) * step
    return int(value) if whole else value


def _string(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(str(schema.get("format")), _TEXT)
    least, most = _integer(schema.get("minLength"), 0), schema.get("maxLength")
    text = text.ljust(min(least, 1000), ".")
    return text[:most] if isinstance(most, int) else text


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _simplest(choices: Sequence[Any]) -> Mapping[str, Any]:
    """The first choice that says more than null."""
    known = [choice for choice in choices if isinstance(choice, Mapping)]
    return next((choice for choice in known if choice.get("type") != "null"), {"type": "null"})


def _merged(schema: Mapping[str, Any], part: Mapping[str, Any], without: str) -> dict[str, Any]:
    own = {name: value for name, value in schema.items() if name != without}
    both = {**own, **part}
    for name in ("properties", "required"):
        first, second = own.get(name), part.get(name)
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            both[name] = {**first, **second}
        elif isinstance(first, list) and isinstance(second, list):
            both[name] = [*first, *second]
    return both


def _resolved(schema: Any, root: Any) -> Mapping[str, Any]:
    if isinstance(schema, Mapping) and isinstance(reference := schema.get("$ref"), str):
        schema = _target(reference, root)
    return schema if isinstance(schema, Mapping) else {}


def _target(reference: str, root: Any) -> Any:
    """What ``#/$defs/Name`` names in the whole schema; nothing, if it is not there."""
    found = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part and isinstance(found, Mapping):
            found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found


def _listed(values: Any) -> Sequence[Any]:
    return values if isinstance(values, list) else ()


def _integer(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default
