"""The readers: one line in the settings for each variable.

A variable that is set to nothing counts as not set, except for the optional ones, where nothing is
a value. `read` knows afterwards which variables there are.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

import environ

from rini.environment import addresses, secrets
from rini.environment.refusals import Wrong, refuse, shown
from rini.secrets.secret import Secret

V = TypeVar("V")
Check = Callable[[str], str]
FROM_FILE = "_FILE"
"""How the name of a variable ends that names a file with a secret, as docker's secrets are."""
_SWITCHES = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), True),
    **dict.fromkeys(("false", "no", "off", "n", "0"), False),
}


class Environment:
    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.read: MutableMapping[str, str] = {}
        """The variables that were asked for, and the name of the reader of each."""

    @classmethod
    def with_file(cls, usual: Path) -> Environment:
        """The process's environment, and what is not set there from `usual`, a file of lines
        ``NAME=value``; ``RINI_ENV_FILE`` names another."""
        named = os.environ.get("RINI_ENV_FILE")
        if named and not Path(named).exists():
            refuse(
                "RINI_ENV_FILE", f"is {shown(named)}", "Name a file that exists, or leave it out."
            )
        environ.Env.read_env(named or usual)
        return cls(os.environ)

    def text(
        self, name: str, default: str = "", *, form: str = ".*", allowed: str = "Give a text."
    ) -> str:
        """A text of the `form`, a regular expression; `allowed` says what that is."""

        def checked(value: str) -> str:
            if not re.fullmatch(form, value):
                raise Wrong(allowed)
            return value

        return self._read(name, "text", default, checked)

    def switch(self, name: str, default: bool) -> bool:
        """``true``, ``yes``, ``on``, ``1`` or their opposites."""

        def checked(value: str) -> bool:
            if value.lower() not in _SWITCHES:
                raise Wrong("Give true or false.")
            return _SWITCHES[value.lower()]

        return self._read(name, "switch", default, checked)

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        """One of `choices`, in any case."""
        by_case = {choice.lower(): choice for choice in choices}

        def checked(value: str) -> str:
            if value.lower() not in by_case:
                *others, last = by_case.values()
                raise Wrong(f"Give {', '.join(others)} or {last}.")
            return by_case[value.lower()]

        return self._read(name, "choice", default, checked)

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        return self._read(name, "integer", default, lambda value: _integer(value, least, most))

    def optional_integer(
        self, name: str, default: int | None, *, least: int = 0, most: int = 2**31 - 1
    ) -> int | None:
        """A whole number, or None where the variable is set to nothing."""
        if self._is_empty(name):
            return None
        return self._read(
            name,
            "optional_integer",
            default,
            lambda value: _integer(value, least, most, ", or nothing"),
        )

    def number(self, name: str, default: float, *, least: float = 0, most: float) -> float:
        return self._read(name, "number", default, lambda value: _number(value, least, most))

    def optional_number(
        self, name: str, default: float | None, *, least: float = 0, most: float
    ) -> float | None:
        """A number, or None where the variable is set to nothing."""
        if self._is_empty(name):
            return None
        return self._read(
            name,
            "optional_number",
            default,
            lambda value: _number(value, least, most, ending=", or nothing"),
        )

    def duration(
        self, name: str, default: float, unit: str, *, least: float = 0, most: float
    ) -> float:
        """A number of `unit`: ``seconds``, ``minutes``, ``hours`` or ``days``."""
        return self._read(
            name, "duration", default, lambda value: _number(value, least, most, unit=unit)
        )

    def dollars(self, name: str, default: str) -> int:
        """Dollars per million tokens as nano-dollars per million tokens."""
        return self._read(name, "dollars", _nano_dollars(default), _nano_dollars)

    def address(self, name: str, check: Check = addresses.web, default: str = "") -> str:
        """An address that `check` (of `rini.environment.addresses`) takes."""
        return self._read(name, "address", default, check)

    def items(self, name: str, default: Iterable[str], check: Check) -> list[str]:
        """Several, by commas. Each has to pass `check`."""

        def checked(value: str) -> list[str]:
            return [check(part.strip()) for part in value.split(",") if part.strip()]

        return self._read(name, "items", list(default), checked)

    def secret(self, name: str, default: str = "") -> str:
        """A secret from the variable, or from the file that ``<name>_FILE`` names."""
        self.read[name] = "secret"
        value = self._values.get(name, "").strip()
        path = self._values.get(name + FROM_FILE, "").strip()
        if not path:
            return value or default
        if value:
            refuse(name, f"is set, and {name}{FROM_FILE} is too", "Set one of them.")
        return _content(name + FROM_FILE, path) or default

    def secret_address(self, name: str, check: Check) -> str:
        """An address with a password in it: as `secret`."""
        value = self.secret(name)
        return self._checked(name, value, check) if value else ""

    def is_set(self, name: str) -> bool:
        return bool(self._values.get(name, "").strip())

    def provider_addresses(self) -> dict[str, str]:
        """``<PROVIDER>_BASE_URL`` by provider, and ``LLM_SERVER_URL`` for ``local``.

        One that is only a path belongs to another program: web front ends have such variables.
        """
        ending = "_BASE_URL"
        found = {
            _provider(name, ending): self._checked(name, value.strip(), addresses.web)
            for name, value in self._values.items()
            if name.endswith(ending) and value.strip() and not value.startswith("/")
        }
        if server := self.address("LLM_SERVER_URL"):
            found["local"] = server if server.endswith("/v1") else f"{server}/v1"
        return found

    def provider_keys(self, further: Mapping[str, str]) -> dict[str, Secret]:
        """The operator's ``<PROVIDER>_API_KEY`` by provider; `further` variables by theirs."""
        ending = "_API_KEY"
        names = {
            name.removesuffix(FROM_FILE)
            for name in self._values
            if name.endswith(ending + FROM_FILE)
        }
        names |= {name for name in self._values if name.endswith(ending)}
        given = {name: self.secret(name) for name in names}
        found = {
            _provider(name, ending): secrets.vendor_key(name, value)
            for name, value in given.items()
            if value
        }
        for variable, provider in further.items():
            if key := found.pop(_provider(variable, ending), None):
                found.setdefault(provider, key)
        return found

    def _read(self, name: str, reader: str, default: V, check: Callable[[str], V]) -> V:
        self.read[name] = reader
        value = self._values.get(name, "").strip()
        return self._checked(name, value, check) if value else default

    def _checked(self, name: str, value: str, check: Callable[[str], V]) -> V:
        try:
            return check(value)
        except Wrong as wrong:
            refuse(name, f"is {shown(value)}", str(wrong))

    def _is_empty(self, name: str) -> bool:
        return name in self._values and not self.is_set(name)


def _integer(value: str, least: int, most: int, ending: str = "") -> int:
    digits = value.removeprefix("-")
    # The length first: Python refuses to read thousands of digits.
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise Wrong(f"Give a whole number from {least} to {most}{ending}.")
    if not least <= int(value) <= most:
        raise Wrong(f"Give a whole number from {least} to {most}{ending}.")
    return int(value)


def _number(value: str, least: float, most: float, *, unit: str = "", ending: str = "") -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number <= most:  # nan is not within either
        what = f"a number of {unit}" if unit else "a number"
        raise Wrong(f"Give {what} from {least:g} to {most:g}{ending}.")
    return number


def _nano_dollars(value: str) -> int:
    try:
        dollars = Decimal(value)
    except InvalidOperation:
        dollars = Decimal("NaN")
    if not dollars.is_finite() or not 0 <= dollars <= 1_000_000:
        raise Wrong("Give US dollars per million tokens, from 0 to 1000000, as 15 or 0.5.")
    return int(dollars.scaleb(9))


def _content(variable: str, path: str) -> str:
    remedy = "Name a file that holds the secret."
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        refuse(variable, f"names {path!r}: {error.strerror}", remedy)
    except ValueError:
        refuse(variable, f"names {path!r}, which is not a text", remedy)


def _provider(name: str, ending: str) -> str:
    return name.removesuffix(ending).lower()
