"""JSON schemas within what Anthropic enforces, for ``strict`` tools and structured answers.

Anthropic compiles a schema into a grammar and refuses what it has no rule for
(https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations).
As its own SDK does: every object is closed, ``oneOf`` is ``anyOf``, and bounds that it cannot
enforce are told to the model in the description of what they bound. An object whose keys the schema
does not name could hold nothing then, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from providers.wires.parameters import refused
from rini.translation import gettext as _

Schema = dict[str, Any]

_AS_THEY_ARE = frozenset(
    ("$ref", "type", "enum", "const", "default", "description", "title", "required", "$schema")
)
_ANNOTATIONS = frozenset(("default", "description", "title"))
_OF_SCHEMAS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_WITH_SCHEMAS = frozenset(("properties", "$defs", "definitions"))
_FORMATS = (
    *("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"),
    "uuid",
)
_TYPES_OF = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "string": ("format", "minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}

_CLASSES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def enforceable(schema: object, name: str, provider: str) -> Schema:
    """`schema`, the parameter `name`, as Anthropic takes it. Its bounds were checked before.

    Raises ProviderRefused for an object with free keys, and what is no schema.
    """
    if not isinstance(schema, Mapping):
        raise refused(
            provider,
            _("takes %(name)s as a JSON schema, which is an object.") % {"name": name},
            name,
        )
    if isinstance(schema.get("type"), list):
        return enforceable(_alternatives(schema), name, provider)
    if "$ref" in schema and schema.keys() & _ANNOTATIONS:
        schema = _around_reference(schema)
    made: Schema = {}
    untold: Schema = {}
    for key, value in schema.items():
        if key in _AS_THEY_ARE:
            made[key] = value
        elif key in _OF_SCHEMAS and isinstance(value, list):
            made[_OF_SCHEMAS[key]] = [enforceable(inner, name, provider) for inner in value]
        elif key in _WITH_SCHEMAS and isinstance(value, Mapping):
            made[key] = {own: enforceable(inner, name, provider) for own, inner in value.items()}
        elif key == "items":
            made[key] = enforceable(value, name, provider)
        elif _is_enforced(key, value):
            made[key] = value
        elif key not in {"additionalProperties", "discriminator"}:
            untold[key] = value
    if made.get("type") == "object" or "properties" in made:
        _close(made, schema, name, provider)
    return _described(made, untold)


def _close(made: Schema, schema: Mapping[str, Any], name: str, provider: str) -> None:
    free = schema.get("additionalProperties", "properties" not in made)
    if isinstance(free, Mapping) or (free and not made.get("properties")):
        refusal = _("takes no object with free keys in %(name)s: name its properties.")
        raise refused(provider, refusal % {"name": name}, name)
    made["additionalProperties"] = False


def _is_enforced(key: str, value: object) -> bool:
    return (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1))


def _described(made: Schema, untold: Schema) -> Schema:
    """`made`, with the bounds that are not enforced at the end of its description."""
    if not untold:
        return made
    told = orjson.dumps(untold).decode()
    before = made.get("description")
    return {**made, "description": f"{before}\n\n{told}" if before else told}


def _around_reference(schema: Mapping[str, Any]) -> Schema:
    """A reference, which is to stand alone, inside what is said beside it."""
    beside = {key: value for key, value in schema.items() if key in _ANNOTATIONS}
    alone = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    return {**beside, "anyOf": [alone]}


def _alternatives(schema: Mapping[str, Any]) -> Schema:
    """A schema of several types as one of each, with the keywords that are that type's."""
    of_a_type = {key for keys in _TYPES_OF.values() for key in keys} | {"enum", "const"}
    common = {k: v for k, v in schema.items() if k != "type" and k not in of_a_type}
    return {**common, "anyOf": list(_one_of_each(schema))}


def _one_of_each(schema: Mapping[str, Any]) -> Iterator[Schema]:
    for kind in dict.fromkeys(map(str, schema["type"])):  # one of each: what it holds may be large
        keys = _TYPES_OF.get("number" if kind == "integer" else kind, ())
        one: Schema = {"type": kind, **{key: schema[key] for key in keys if key in schema}}
        values = schema.get("enum")
        if isinstance(values, list):
            one["enum"] = [value for value in values if _is_of(kind, value)]
            if not one["enum"]:
                continue
        if "const" in schema:
            if not _is_of(kind, schema["const"]):
                continue
            one["const"] = schema["const"]
        yield one


def _is_of(kind: str, value: object) -> bool:
    if isinstance(value, bool) or value is None:
        return kind == ("null" if value is None else "boolean")
    return isinstance(value, _CLASSES.get(kind, ()))
