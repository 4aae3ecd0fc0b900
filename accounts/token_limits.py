"""Limits of API tokens that apps above this one keep and enforce.

Accounts does not know what such a limit means: an app registers it, by the name of its field in
``/tokens/``, when it is ready. So a token's limits are made, shown and changed in one place, and
the arrows between the apps still point down.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol
from uuid import UUID

from rest_framework import serializers

from accounts.models import ApiToken

Value = Any
"""What the API takes and shows of a limit."""


class TokenLimit(Protocol):
    """A kind of limit. A token may have one of it."""

    def field(self, *, source: str) -> serializers.Field[Any, Any, Any, Any]:
        """What the API takes and shows; not required, and null takes the limit away."""
        ...

    def set(self, token: ApiToken, value: Value) -> None:
        """Give a saved token the limit that `field` has read; within the caller's transaction."""
        ...

    def of(self, token_ids: Collection[UUID]) -> Mapping[UUID, Value]:
        """The limits of those tokens that have one, as `field` shows them."""
        ...


_limits: dict[str, TokenLimit] = {}


def register(name: str, limit: TokenLimit) -> None:
    """Have ``/tokens/`` take and show `name`."""
    _limits[name] = limit


def fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """A serializer's fields. What they read comes as ``limits`` among the validated data."""
    return {name: limit.field(source=f"limits.{name}") for name, limit in _limits.items()}


def note(tokens: Collection[ApiToken]) -> None:
    """Look up the limits of `tokens`, where that has not been done, for the fields to show."""
    unknown = [token for token in tokens if not hasattr(token, "limits")]
    found = {name: limit.of([t.pk for t in unknown]) for name, limit in _limits.items() if unknown}
    for token in unknown:
        values = {name: by_token.get(token.pk) for name, by_token in found.items()}
        setattr(token, "limits", values)  # noqa: B010  # no column: only the API shows it


def give(token: ApiToken, wanted: Mapping[str, Value]) -> None:
    """Set limits of a saved token."""
    for name, value in wanted.items():
        _limits[name].set(token, value)


def has_any(token: ApiToken) -> bool:
    return any(limit.of([token.pk]) for limit in _limits.values())
