"""The structured content of a tool's answer, checked against the schema that its server promised.

Both are the server's, and either may be made to take for ever: branches that branch, patterns that
go back and forth. So every step is counted, and what cannot be counted (regular expressions, what
looks through the other keywords) is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

_STEPS = 2_000_000
_UNCHECKED = {
    "pattern",
    "patternProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
}
_left: ContextVar[list[int]] = ContextVar("steps left")
Check = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]


class Uncheckable(Exception):
    """The schema is none, or takes too long: nothing can be said of the content."""


def wrong_with(content: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong with `content`, in English; empty if nothing is. Takes a second at most: call
    it on a thread. Raises `Uncheckable`."""
    _left.set([_STEPS])
    try:
        _Counting.check_schema(schema)
        errors = _Counting(schema, registry=Registry()).iter_errors(content)
        worst = best_match(errors)
    except (SchemaError, Unresolvable, RecursionError) as error:
        raise Uncheckable(str(error)) from None
    return worst.message if worst else ""


def _counted(check: Check) -> Check:
    def counting(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        left = _left.get()
        left[0] -= 5 + _size(value) + _size(instance)
        if left[0] < 0:
            raise Uncheckable("too many steps")
        yield from check(validator, value, instance, schema) or ()

    return counting


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _unless_patterns(check: Check) -> Check:
    """`additionalProperties` looks for those that patterns allow: with patterns it is unchecked."""

    def checking(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if "patternProperties" not in schema:
            yield from check(validator, value, instance, schema) or ()

    return checking


def _nothing(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    return iter(())


_CHECKS: dict[str, Check] = {
    **{name: _counted(check) for name, check in Draft202012Validator.VALIDATORS.items()},
    **dict.fromkeys(_UNCHECKED, _nothing),
}
_CHECKS["additionalProperties"] = _unless_patterns(_CHECKS["additionalProperties"])
_Counting = extend(Draft202012Validator, validators=_CHECKS)  # type: ignore[no-untyped-call]
