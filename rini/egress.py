"""HTTP to addresses that users give: the one client for documents by URL, tools and their sign-in.

A name is resolved once, every address that it has is checked, and the connection goes to a checked
one: a name that answers differently the second time gains nothing. No proxy, no cookies, nothing of
the environment. Redirects are followed by `fetch` alone, each as a request of its own.

The rule is a list of what is allowed: the public unicast space. (`ipaddress.is_global` is true for
ways back into a private network: NAT64, 6to4, Teredo and IPv4 inside of IPv6.) An operator allows
hosts and networks of their own by `EGRESS_ALLOWED_HOSTS`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore2
import httpx2
from django.conf import settings

from rini.errors import RiniError
from rini.translation import gettext as _
from rini.translation import gettext_noop

MAX_REDIRECTS = 5
# All of IPv6 that IANA gives out to the world: link-local, unique local and NAT64 lie outside.
_PUBLIC_6 = ip_network("2000::/3")
_WITHIN_6 = [
    ip_network(network)
    for network in (
        "2001::/23",  # the IETF's protocols: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
]
_PRIVATE_4 = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
]  # IANA's registry of special-purpose addresses
Address = IPv4Address | IPv6Address


class AddressRefused(RiniError):
    """The address is not one that users may have Rini call."""

    status = 400
    code = "address_refused"
    detail = gettext_noop("This address may not be called.")


class FetchFailed(RiniError):
    """What was asked for could not be had: the reason is in `detail`."""

    status = 400
    code = "fetch_failed"
    detail = gettext_noop("The address could not be fetched.")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered; `url` is where it was in the end."""

    url: str
    status: int
    media_type: str
    """Without its parameters, in lower case; empty where the server said none."""
    headers: Mapping[str, str]
    body: bytes


def is_public(address: Address) -> bool:
    """Whether an address is in the public unicast space, and nothing else is hidden in it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _PRIVATE_4)
    if address.scope_id is not None or address not in _PUBLIC_6:
        return False
    return not any(address in network for network in _WITHIN_6)


def client(*, timeout: float, connect_timeout: float = 10.0) -> httpx2.AsyncClient:
    """A client that reaches allowed addresses only. Timeouts are in seconds, of each step.

    Its requests raise `AddressRefused`, and httpx2's errors for what goes wrong on the way.
    """
    return httpx2.AsyncClient(
        transport=transport(),
        timeout=httpx2.Timeout(timeout, connect=connect_timeout),
        follow_redirects=False,
        trust_env=False,
    )


def transport() -> httpx2.AsyncBaseTransport:
    """What `client` reaches allowed addresses by, for clients that watch what passes."""
    return _Transport()


async def fetch(
    url: str,
    *,
    max_bytes: int,
    deadline: float,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """GET `url`, following a few redirects, within `deadline` seconds in all.

    `headers` go to the first address only. Raises `AddressRefused` or `FetchFailed`.
    """
    try:
        async with asyncio.timeout(deadline), client(timeout=deadline) as http:
            return await _fetched(http, url, max_bytes, dict(headers or {}))
    except TimeoutError:
        raise FetchFailed(
            _("%(url)s took more than %(seconds)g seconds.")
            % {"url": _shown(url), "seconds": deadline}
        ) from None
    except httpx2.InvalidURL:
        raise AddressRefused(_("%(url)s is not an address.") % {"url": _shown(url)}) from None
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise FetchFailed(
            _("%(url)s could not be fetched: %(reason)s") % {"url": _shown(url), "reason": reason}
        ) from None


async def _fetched(
    http: httpx2.AsyncClient, url: str, max_bytes: int, headers: dict[str, str]
) -> Fetched:
    for __ in range(MAX_REDIRECTS + 1):
        request = http.build_request("GET", url, headers={"Accept-Encoding": "identity", **headers})
        response = await http.send(request, stream=True)
        try:
            if response.next_request is None:
                return await _read(response, max_bytes)
            url, headers = str(response.next_request.url), {}
        finally:
            await response.aclose()
    raise FetchFailed(
        _("%(url)s redirects more than %(most)s times.")
        % {"url": _shown(url), "most": MAX_REDIRECTS}
    )


async def _read(response: httpx2.Response, max_bytes: int) -> Fetched:
    url = str(response.url)
    if not response.is_success:
        raise FetchFailed(
            _("%(url)s answered %(status_code)s.")
            % {"url": _shown(url), "status_code": response.status_code}
        )
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > max_bytes:
            # Counted unpacked: a small answer may unpack to a large one, whatever was asked for.
            raise FetchFailed(
                _("%(url)s has more than %(bytes)s bytes.")
                % {"url": _shown(url), "bytes": max_bytes}
            )
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(url, response.status_code, media_type, dict(response.headers), bytes(body))


@cache
def _certificates() -> ssl.SSLContext:
    """Whom the world trusts, read once: it takes longer than most requests."""
    return httpx2.create_ssl_context(trust_env=False)


class _Transport(httpx2.AsyncHTTPTransport):
    """httpx2's transport on a pool that connects to checked addresses."""

    def __init__(self) -> None:
        super().__init__(verify=_certificates(), trust_env=False)
        # httpx2 hands no network backend on: its own pool is replaced by one that has ours.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_certificates(),
            network_backend=_CheckedNetwork(),
            max_connections=100,
            keepalive_expiry=5.0,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme not in {"http", "https"}:
            raise AddressRefused(_("Give an address that begins with http:// or https://."))
        if request.url.userinfo:
            raise AddressRefused(_("Give an address without a user name or password in it."))
        return await super().handle_async_request(request)


class _CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to names and addresses that `_resolved` lets through."""

    def __init__(self) -> None:
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(host, port)
        except TimeoutError:
            raise httpcore2.ConnectTimeout(
                _("%(host)s did not answer in time.") % {"host": host}
            ) from None

    # Without timeouts of its own: `connect_tcp` has one for the look-up and all addresses together.
    async def _connect(self, host: str, port: int) -> httpcore2.AsyncNetworkStream:
        failure = httpcore2.ConnectError(_("%(host)s has no address.") % {"host": host})
        for address in await _resolved(host, port):
            try:
                return await self._network.connect_tcp(str(address), port)
            except httpcore2.ConnectError as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _resolved(host: str, port: int) -> list[Address]:
    """The addresses of `host`; one that is not allowed makes all of them refused."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore2.ConnectError(_("%(host)s cannot be found.") % {"host": host}) from None
    addresses = [_address(info[4][0]) for info in found]
    for address in addresses:
        if not (is_public(address) or _is_allowed(host, port, address)):
            raise AddressRefused(
                _(
                    "%(host)s is not a public address. An operator can allow it with "
                    "EGRESS_ALLOWED_HOSTS."
                )
                % {"host": host}
            )
    return list(dict.fromkeys(addresses))


def _address(text: str | int) -> Address:
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped  # where a connection to it goes
    return address


def _is_allowed(host: str, port: int, address: Address) -> bool:
    """Whether the operator lets this in: by its name, by name and port, or by its network."""
    name = host.rstrip(".").lower()
    for allowed in settings.EGRESS_ALLOWED_HOSTS:
        if allowed.lower() in {name, f"{name}:{port}"}:
            return True
        try:
            network = ip_network(allowed)
        except ValueError:
            continue
        if address in network:
            return True
    return False


def _shown(url: str) -> str:
    """An address for a message: without its query, which may hold secrets, and not long."""
    return url.partition("?")[0].partition("#")[0][:200]
