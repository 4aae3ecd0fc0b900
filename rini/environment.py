"""Checks of what the environment gives, before anything starts.

A wrong value ends the process with one line that says which variable, what is wrong with it and
how to make a good one: whoever starts a server reads the last line, not a traceback.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Never

from rini.secrets.secret import Secret

WELL_KNOWN = ("changeme", "change-me", "change_me", "secret", "password", "insecure", "example")
MINIMUM_LENGTH = 32


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


def master_keys(variable: str, value: str) -> list[bytes]:
    """The keys that wrap every stored secret, newest first: base64 of 32 bytes, by commas."""
    remedy = (
        "Make one with: python3 -c 'import base64, secrets; "
        "print(base64.b64encode(secrets.token_bytes(32)).decode())'."
    )
    keys = [_decoded(variable, part.strip(), remedy) for part in value.split(",") if part.strip()]
    if not keys:
        refuse(variable, "is not set", remedy)
    return keys


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
