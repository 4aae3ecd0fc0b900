"""A text that must not be seen by accident."""

from __future__ import annotations


class Secret:
    """Holds a secret so that printing, logging or formatting it shows nothing of it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: call this where it leaves for its vendor, and nowhere else."""
        return self._value

    def scrub(self, text: str) -> str:
        """`text` without the secret, for messages of others that quote it back."""
        return text.replace(self._value, "[secret]") if self._value else text

    def parts(self) -> list[Secret]:
        """The secrets in one that is a list with commas, each once."""
        return [Secret(part) for part in dict.fromkeys(self._value.split(",")) if part]

    @property
    def last4(self) -> str:
        """The end of the secret, enough to recognise it by; empty for one too short to show any."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret must not be pickled")
