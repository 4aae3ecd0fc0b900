"""Checks of what the environment gives, before anything starts.

A wrong value ends the process with one line that says which variable, what is wrong with it and
how to make a good one: whoever starts a server reads the last line, not a traceback.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Never

from rini.secrets.secret import Secret

WELL_KNOWN = ("changeme", "change-me", "change_me", "secret", "password", "insecure", "example")
MINIMUM_LENGTH = 32
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
WILDCARDS = ("0.0.0.0", "::", "[::]")  # noqa: S104  # compared, not bound


def refuse(variable: str, fault: str, remedy: str) -> Never:
    """End the process with one clear line."""
    raise SystemExit(f"rini: {variable} {fault}. {remedy}")


def signing_secret(variable: str, value: str) -> str:
    """A secret that signs things: at least 32 characters and not one that everybody knows."""
    remedy = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'."
    if not value:
        refuse(variable, "is not set", remedy)
    if len(value) < MINIMUM_LENGTH:
        refuse(variable, f"has {len(value)} characters and needs {MINIMUM_LENGTH}", remedy)
    if _is_guessable(value):
        refuse(variable, "is a well-known or repetitive value", remedy)
    return value


def signing_secrets(variable: str, value: str) -> list[str]:
    """Signing secrets by commas, newest first: the first signs, all of them verify."""
    return [signing_secret(variable, part.strip()) for part in value.split(",")]


def master_keys(variable: str, value: str) -> list[bytes]:
    """The keys that wrap every stored secret, newest first: base64 of 32 bytes, by commas."""
    remedy = (
        "Make one with: python3 -c 'import base64, secrets; "
        "print(base64.b64encode(secrets.token_bytes(32)).decode())'."
    )
    if not value.strip():
        refuse(variable, "is not set", remedy)
    parts = [part.strip() for part in value.split(",")]
    if not all(parts):
        # Most often a variable that was empty: $NEW,$OLD. What $OLD sealed could not be read.
        refuse(variable, "has an empty part beside a comma", "Give every key, newest first.")
    return [_decoded(variable, part, remedy) for part in parts]


def provider_addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """``<PROVIDER>_BASE_URL`` by provider, and ``LLM_SERVER_URL`` for ``local``."""
    found = _by_provider(environment, "_BASE_URL")
    if server := environment.get("LLM_SERVER_URL", "").strip().rstrip("/"):
        found["local"] = server if server.endswith("/v1") else f"{server}/v1"
    return {provider: address.rstrip("/") for provider, address in found.items()}


def provider_keys(environment: Mapping[str, str], further: Mapping[str, str]) -> dict[str, Secret]:
    """The operator's ``<PROVIDER>_API_KEY`` by provider; `further` variables by their provider."""
    found = _by_provider(environment, "_API_KEY")
    for variable, provider in further.items():
        if key := found.pop(variable.removesuffix("_API_KEY").lower(), ""):
            found.setdefault(provider, key)
    return {provider: Secret(key) for provider, key in found.items()}


def optional_number(variable: str, value: str) -> float | None:
    """A number, or None where the variable is set to nothing."""
    try:
        return float(value) if value.strip() else None
    except ValueError:
        refuse(variable, f"is {value!r}", "Give a number, or nothing.")


def optional_integer(variable: str, value: str) -> int | None:
    """A whole number above 0, or None where the variable is set to nothing."""
    if not value.strip():
        return None
    if not (value.isascii() and value.isdigit() and int(value)):
        refuse(variable, f"is {value!r}", "Give a whole number above 0, or nothing.")
    return int(value)


def choice(variable: str, value: str, choices: Sequence[str]) -> str:
    """One of some words, in any case."""
    if value.strip().lower() not in choices:
        refuse(variable, f"is {value!r}", f"Give {', '.join(choices[:-1])} or {choices[-1]}.")
    return value.strip().lower()


def networks(variable: str, values: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    """IP addresses and networks."""
    found = []
    for value in filter(None, (value.strip() for value in values)):
        try:
            found.append(ip_network(value, strict=False))
        except ValueError:
            refuse(variable, f"has {value!r}", "Give addresses or networks: 10.0.0.7,10.1.0.0/16.")
    return found


def is_loopback(host: str) -> bool:
    """Whether what listens on `host` is reached from this machine alone."""
    return host in LOOPBACK_NAMES or host == "::1" or host.startswith("127.")


def host_names(host: str) -> list[str]:
    """The names of an installation that listens on `host`, where nobody says more."""
    own = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return list(dict.fromkeys([*LOOPBACK_NAMES, *([] if host in WILDCARDS else [own])]))


def rate(variable: str, environment: Mapping[str, str], default: str) -> int:
    """Dollars per million tokens as nano-dollars per million tokens."""
    text = environment.get(variable, "").strip() or default
    try:
        dollars = Decimal(text)
    except InvalidOperation:
        dollars = Decimal("NaN")
    if not dollars.is_finite() or not 0 <= dollars <= 1_000_000:
        refuse(variable, f"is {text!r}", "Give US dollars per million tokens, as 15 or 0.5.")
    return int(dollars.scaleb(9))


def _by_provider(environment: Mapping[str, str], ending: str) -> dict[str, str]:
    return {
        name.removesuffix(ending).lower(): value.strip()
        for name, value in environment.items()
        if name.endswith(ending) and value.strip()
    }


def _decoded(variable: str, text: str, remedy: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        refuse(variable, "is not base64", remedy)
    if len(key) != 32:
        refuse(variable, f"decodes to {len(key)} bytes and needs 32", remedy)
    if len(set(key)) < 8:
        refuse(variable, "is a well-known or repetitive value", remedy)
    return key


def _is_guessable(value: str) -> bool:
    return len(set(value)) < 8 or any(word in value.lower() for word in WELL_KNOWN)
