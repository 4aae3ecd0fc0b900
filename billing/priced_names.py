"""Whose models may have a price: the apps above know their names, and say them when they are ready.

A price for a name that nobody has would be kept for ever and match no call.
"""

from __future__ import annotations

from collections.abc import Callable

_checks: list[Callable[[str], str]] = []


def register(check: Callable[[str], str]) -> None:
    """`check` returns what is wrong with a provider's name; empty if nothing is."""
    _checks.append(check)


def wrong_with(provider: str) -> str:
    return next((wrong for check in _checks if (wrong := check(provider))), "")
