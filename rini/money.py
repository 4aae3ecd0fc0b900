"""How amounts are written: US dollars as a decimal text with nine places, null where unknown."""

from __future__ import annotations

NANO = 1_000_000_000


def dollars(nano: int | None) -> str | None:
    """Nano-dollars as dollars: 123456 is ``"0.000123456"``."""
    if nano is None:
        return None
    sign = "-" if nano < 0 else ""
    whole, rest = divmod(abs(nano), NANO)
    return f"{sign}{whole}.{rest:09d}"


def shown(nano: int | None) -> str | None:
    """Nano-dollars for people: 1500000000 is ``"$1.5"``; null where unknown."""
    text = dollars(nano)
    if text is None:
        return None
    sign, amount = ("-", text[1:]) if text.startswith("-") else ("", text)
    return f"{sign}${amount.rstrip('0').rstrip('.')}"
