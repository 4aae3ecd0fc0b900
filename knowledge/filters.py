"""Filters on the attributes of documents, in OpenAI's form, as SQL.

``{"type": "eq", "key": "year", "value": 2026}``, of the types eq, ne, gt, gte, lt, lte, in, nin;
and ``{"type": "and", "filters": […]}``, or ``or``. A document without the attribute fulfils only
`ne` and `nin`; numbers are compared with numbers, texts with texts by their code points.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from rini.errors import InvalidInput
from rini.translation import gettext as _

Condition = tuple[str, list[Any]]
_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_MAX_DEPTH = 8
_MAX_VALUES = 500


def condition(filters: Any, depth: int = 0) -> Condition:
    """SQL about the row ``document``, and its parameters. Raises `InvalidInput`."""
    if not isinstance(filters, Mapping) or depth > _MAX_DEPTH:
        raise _invalid(_("A filter is an object, and at most 8 of them may be nested."))
    kind = filters.get("type")
    if kind in ("and", "or"):
        return _joined(kind, filters.get("filters"), depth)
    key, value = filters.get("key"), filters.get("value")
    if not isinstance(key, str) or "\x00" in key:
        raise _invalid(_("Name the attribute as `key`."))
    return _comparison(kind, key, value)


def _joined(kind: str, parts: Any, depth: int) -> Condition:
    if not isinstance(parts, list) or not 0 < len(parts) <= _MAX_VALUES:
        raise _invalid(_("`%(kind)s` takes a list of `filters`.") % {"kind": kind})
    found = [condition(part, depth + 1) for part in parts]
    sql = f" {kind.upper()} ".join(part for part, _ in found)
    return f"({sql})", [value for _, values in found for value in values]


def _comparison(kind: Any, key: str, value: Any) -> Condition:
    if kind in ("in", "nin"):
        if not isinstance(value, list) or len(value) > _MAX_VALUES:
            raise _invalid(_("`%(kind)s` takes a list of values.") % {"kind": kind})
        return _one_of(key, value, negated=kind == "nin")
    if kind in ("eq", "ne"):
        return _one_of(key, [value], negated=kind == "ne")
    if kind not in _SIGNS:
        raise _invalid(
            _("The type of a filter is eq, ne, gt, gte, lt, lte, in, nin, and, or `or`.")
        )
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number and not isinstance(value, str):
        raise _invalid(_("`%(kind)s` compares with a number or a text.") % {"kind": kind})
    type_ = "number" if number else "string"
    sql = f"(jsonb_typeof(document.attributes -> %s) = '{type_}' AND " + (
        f"document.attributes -> %s {_SIGNS[kind]} %s::jsonb)"
        if number
        else f'(document.attributes ->> %s) COLLATE "C" {_SIGNS[kind]} %s)'
    )
    return sql, [key, key, _json(value) if number else value]


def _one_of(key: str, values: list[Any], *, negated: bool) -> Condition:
    for value in values:
        if not isinstance(value, str | int | float | bool):
            raise _invalid(_("Attributes are compared with texts, numbers, true or false."))
    sql = "coalesce(document.attributes -> %s = ANY(%s::jsonb[]), false)"
    return f"NOT {sql}" if negated else sql, [key, [_json(value) for value in values]]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(errors={"filters": [message]})
