"""How a wrong variable ends the process."""

from __future__ import annotations

from typing import Never

LONGEST_SHOWN = 100


class Wrong(ValueError):
    """A value that will not do. Its text says what will: “Give …”."""


def refuse(variable: str, fault: str, remedy: str) -> Never:
    """End the process with one clear line."""
    raise SystemExit(f"rini: {variable} {fault}. {remedy}")


def shown(value: str) -> str:
    """A value for that line. What stands before an @ may be a password."""
    hidden = f"…@{value.rpartition('@')[2]}" if "@" in value else value
    return repr(hidden if len(hidden) <= LONGEST_SHOWN else f"{hidden[:LONGEST_SHOWN]}…")
