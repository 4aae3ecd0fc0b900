"""How many connections a process holds: in all, and of each address."""

from __future__ import annotations

import resource
from collections import Counter
from ipaddress import ip_address, ip_network

from django.conf import settings

from rini.web.client import Networks

SPARE_FILES = 200
"""What a process opens beside connections: the database's, vendors', logs."""


class Places:
    """Counts by address; of IPv6 by /64, which is one customer's. Proxies that are trusted are not
    counted by address: whoever comes through one would be counted as one."""

    def __init__(self, most: int, per_address: int, uncounted: Networks) -> None:
        self.most = most
        self.per_address = per_address
        self.uncounted = uncounted
        self.taken = 0
        self._by_network: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Take a place, and say whether there was one."""
        network = self._network(address)
        if self.taken >= self.most or 0 < self.per_address <= self._by_network[network]:
            return False
        self.taken += 1
        if network:
            self._by_network[network] += 1
        return True

    def give_back(self, address: str) -> None:
        network = self._network(address)
        self.taken -= 1
        if network:
            self._by_network[network] -= 1
            if self._by_network[network] <= 0:
                del self._by_network[network]

    def _network(self, address: str) -> str:
        """What counts as one address; empty for what is not counted: a proxy, a UNIX socket."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return ""
        parsed = (parsed.ipv4_mapped or parsed) if parsed.version == 6 else parsed
        if any(parsed in network for network in self.uncounted):
            return ""
        if parsed.version == 6:
            return str(ip_network((parsed, 64), strict=False))
        return str(parsed)


def openable_files() -> int:
    """How many files the process may open, once it has asked for as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65_536)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS says that there is no limit, and has one
        return soft
    return wanted


def of_this_process() -> Places:
    most = max(1, min(settings.MAX_CONNECTIONS, openable_files() - SPARE_FILES))
    proxies = [ip_network(one, strict=False) for one in settings.TRUSTED_PROXIES]
    return Places(most, settings.MAX_CONNECTIONS_PER_ADDRESS, proxies)
