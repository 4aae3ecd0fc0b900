"""A brake on guessing passwords: counters in Valkey, which every process shares.

A guess is counted before the password is looked at, in one atomic step, so that guesses made at
once do not slip through; the right password gives it back. Without Valkey nobody can log in (503):
unlimited guessing would be worse, and tokens that were given out keep working.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from rini.errors import RateLimited
from rini.storage import valkey

WINDOW_SECONDS = 300
# One address soon stops at one name. Many addresses together get further, so that nobody can lock
# a user out from one machine, and yet not far enough to try a list of passwords.
PER_NAME_AND_ADDRESS = 10
PER_ADDRESS = 100
PER_NAME = 100


@contextmanager
def guess(name: str, address: str) -> Iterator[None]:
    """Let the body try one password for `name` (of any spelling) from an IP address.

    Raises `RateLimited` where there were too many wrong ones, `Unavailable` without Valkey. A body
    that raises nothing was right.
    """
    window, elapsed = divmod(time.time(), WINDOW_SECONDS)
    name, network = name.casefold(), _network(address)
    keys = {
        _key(window, name, network): PER_NAME_AND_ADDRESS,
        _key(window, "", network): PER_ADDRESS,
        _key(window, name, ""): PER_NAME,
    }
    for key, limit in keys.items():
        if _add(key, 1) > limit:
            raise RateLimited(
                f"Too many wrong passwords. Try again in {math.ceil(WINDOW_SECONDS - elapsed)} s.",
                retry_after=WINDOW_SECONDS - elapsed,
            )
    yield
    for key in keys:
        _add(key, -1)


def address_of(request: HttpRequest | None) -> str:
    """The caller's IP address; behind a proxy what the server takes from the proxy's headers."""
    return str(request.META.get("REMOTE_ADDR", "")) if request else ""


def _add(key: str, count: int) -> int:
    with (
        valkey.needed("Passwords cannot be checked now: Valkey is away."),
        valkey.client().pipeline(transaction=True) as pipe,
    ):
        pipe.incrby(key, count)
        pipe.expire(key, WINDOW_SECONDS)
        return int(pipe.execute()[0])


def _key(window: float, name: str, network: str) -> str:
    subject = hashlib.sha256(f"{name}\0{network}".encode()).hexdigest()
    return f"rini:guesses:{window:.0f}:{subject}"


def _network(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which is one customer's."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a UNIX socket has none
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
