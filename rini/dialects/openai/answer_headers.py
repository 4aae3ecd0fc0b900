"""What Rini says of a call in the headers of its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from providers.metering import Metered
from rini.money import dollars


class Timed(Protocol):
    """A call, or several for one answer."""

    @property
    def vendor_seconds(self) -> float: ...


def overhead() -> Callable[[Timed], dict[str, str]]:
    """Begins to measure: what it returns gives the time since then that was not the vendor's."""
    began = time.monotonic()

    def header(call: Timed) -> dict[str, str]:
        own = time.monotonic() - began - call.vendor_seconds
        return {"x-rini-overhead-ms": f"{own * 1000:.2f}"}

    return header


def cost(call: Metered) -> dict[str, str]:
    """In US dollars; nothing where the price is unknown."""
    paid = dollars(call.record.cost_nano) if call.record else None
    return {} if paid is None else {"x-rini-cost": paid}
