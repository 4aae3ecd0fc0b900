"""Brakes in Valkey, which every process shares: on guessing passwords, and on opening accounts.

A guess is counted before the password is looked at, in one atomic step, so that guesses made at
once do not slip through; the right password gives it back. Without Valkey nobody can log in (503):
unlimited guessing would be worse, and tokens that were given out keep working.

Guesses count for an account from an address, and for an account from everywhere, so that many
machines together get no further. An address from which the account was logged in to before is
spared the second: no stranger locks owners out where they usually are. Nor does anybody lock out
others: the limit of an address alone is far above what a whole office mistypes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from accounts import security_log
from accounts.models import EventName, SecurityEvent, User
from rini.errors import RateLimited
from rini.storage import valkey
from rini.translation import gettext as _
from rini.web import client

WINDOW_SECONDS = 300
PER_ACCOUNT_AND_ADDRESS = 10
PER_ACCOUNT = 100
PER_ADDRESS = 1000
HOUR = 3600
USUAL_ADDRESSES = 100


def account_of(username: str) -> User | None:
    """The account of that name in any case, as the database folds it."""
    return User.objects.filter(Exact(Lower("username"), Lower(Value(username)))).first()


@contextmanager
def guess(user: User | None, name: str = "") -> Iterator[None]:
    """Let the body try one password for `user`, from the current caller's address; without a user
    for the `name` that nobody has.

    Raises `RateLimited` where there were too many wrong ones, `Unavailable` without Valkey. A body
    that raises nothing was right.
    """
    account = str(user.pk) if user else f"no {name.lower()}"
    for key, limit in (counted := _counters(account, user)).items():
        count, left = _add(key, 1, WINDOW_SECONDS)
        if count > limit:
            security_log.record(EventName.LOGIN_LOCKED, user_id=user.pk if user else None)
            raise RateLimited(
                _("Too many wrong passwords. Try again in %(seconds)s s.")
                % {"seconds": math.ceil(left)},
                retry_after=left,
            )
    yield
    for key in counted:
        _add(key, -1, WINDOW_SECONDS)


def count_registration() -> None:
    """Count a new account from the current caller's address.

    Raises `RateLimited` past `REGISTRATIONS_PER_HOUR`, `Unavailable` without Valkey.
    """
    most = settings.REGISTRATIONS_PER_HOUR
    if not most:
        return
    count, left = _add(_key("registrations", network_of(client.address())), 1, HOUR)
    if count > most:
        security_log.record(EventName.REGISTRATION_REFUSED)
        raise RateLimited(
            _(
                "%(most)s accounts were opened from this address within an hour, the most allowed. "
                "Try again in %(minutes)s minutes."
            )
            % {"most": most, "minutes": math.ceil(left / 60)},
            retry_after=left,
        )


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which is one customer's."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a UNIX socket has none
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _counters(account: str, user: User | None) -> dict[str, int]:
    """The names of the counters for a guess, with their limits."""
    network = network_of(client.address())
    counters = {_key("guesses", account, network): PER_ACCOUNT_AND_ADDRESS}
    if user is None or not _is_usual(user, network):
        counters[_key("guesses", account, "")] = PER_ACCOUNT
        counters[_key("guesses", "", network)] = PER_ADDRESS
    return counters


def _is_usual(user: User, network: str) -> bool:
    """Whether the account was logged in to from there, as far back as the security log goes."""
    logins = SecurityEvent.objects.filter(event=EventName.LOGIN, user_id=user.pk)
    known = logins.order_by().values_list("address", flat=True).distinct()
    return network in {network_of(address) for address in known[:USUAL_ADDRESSES]}


def _add(key: str, count: int, seconds: int) -> tuple[int, float]:
    """What a counter is now, and in how many seconds it is forgotten: it lasts for `seconds` from
    its first count on."""
    with (
        valkey.needed(_("Passwords cannot be checked now: Valkey is away.")),
        valkey.client().pipeline(transaction=True) as pipe,
    ):
        pipe.incrby(key, count)
        pipe.expire(key, seconds, nx=True)
        pipe.pttl(key)
        total, _set, left = pipe.execute()
        return int(total), max(left, 1000) / 1000


def _key(what: str, *subject: str) -> str:
    digest = hashlib.sha256("\0".join(subject).encode()).hexdigest()
    return f"rini:{what}:{digest}"
