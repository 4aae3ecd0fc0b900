"""Text that PostgreSQL can keep. Pure."""

from __future__ import annotations


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
