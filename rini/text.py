"""Text that PostgreSQL can keep, and that takes no time to put into one form. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import regex

# The canonical ordering of marks is quadratic; Unicode's stream-safe format (UAX #15) allows 30.
# The half-width sound marks of kana are letters that become marks.
_TOO_MANY_MARKS = regex.compile(r"([\p{M}\uFF9E\uFF9F]{30})[\p{M}\uFF9E\uFF9F]+")


def with_few_marks(text: str) -> str:
    """`text` with at most 30 marks in a row: to be normalised in a time of its length."""
    return text if text.isascii() else _TOO_MANY_MARKS.sub(r"\1", text)


def composed(text: str) -> str:
    """`text` in Unicode's form NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", with_few_marks(text))


def storable(text: str) -> str:
    """A text from outside without what PostgreSQL cannot keep.

    NUL, and each half of a surrogate pair that stands alone, becomes U+FFFD; two halves that follow
    each other become the character that they stand for.
    """
    if "\x00" in text:
        text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def storable_value(value: Any) -> Any:
    """A JSON value with every text of it, names too, made `storable`."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable_value(name): storable_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_value(item) for item in value]
    return value
