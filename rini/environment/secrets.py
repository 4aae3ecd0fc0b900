"""Secrets in variables. No line about a wrong one repeats it."""

from __future__ import annotations

import base64
import binascii

from rini.environment.refusals import refuse
from rini.secrets.secret import Secret

WELL_KNOWN = ("changeme", "change-me", "change_me", "secret", "password", "insecure", "example")
MINIMUM_LENGTH = 32


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
    """The keys that wrap every stored secret, newest first, by commas.

    Each is base64 of 32 bytes, in the usual alphabet or the URL-safe one, with or without padding.
    """
    remedy = (
        "Make one with: python3 -c 'import base64, secrets; "
        "print(base64.b64encode(secrets.token_bytes(32)).decode())'."
    )
    if not value:
        refuse(variable, "is not set", remedy)
    parts = [part.strip() for part in value.split(",")]
    if not all(parts):
        refuse(variable, "has an empty key before or after a comma", "Give: newest,older.")
    return [_decoded(variable, part, remedy) for part in parts]


def vendor_key(variable: str, value: str) -> Secret:
    """A vendor's key. It travels in a header, which takes printable ASCII without blanks."""
    if not (value.isascii() and value.isprintable() and " " not in value):
        refuse(variable, "has blanks, line breaks or letters beyond ASCII", "Copy the key again.")
    return Secret(value)


def _decoded(variable: str, text: str, remedy: str) -> bytes:
    usual = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        key = base64.b64decode(usual + "=" * (-len(usual) % 4), validate=True)
    except (binascii.Error, ValueError):
        refuse(variable, "is not base64", remedy)
    if len(key) != 32:
        refuse(variable, f"decodes to {len(key)} bytes and needs 32", remedy)
    if len(set(key)) < 8:
        refuse(variable, "is a well-known or repetitive value", remedy)
    return key


def _is_guessable(value: str) -> bool:
    return len(set(value)) < 8 or any(word in value.lower() for word in WELL_KNOWN)
