"""Addresses in variables: of servers, of vendors, of web pages. Each check returns the address as
Rini uses it, or raises `Wrong`."""

from __future__ import annotations

import re
from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit

from rini.environment.refusals import Wrong

DATABASE = "Give the address of a PostgreSQL database, as postgres://user:password@host:5432/name."
REDIS = "Give the address of a Redis or Valkey, as redis://:password@host:6379/0."
WEB = "Give an address that begins with http:// or https://, as https://host/path."
ORIGIN = "Give origins as a browser names them, as https://app.example.com,http://localhost:3000."
TRUSTED = "Give origins, as https://rini.example.com or https://*.example.com."
PLACES = "Give hosts, hosts with a port, or networks, as wiki.internal,mcp.local:9000,10.1.0.0/16."
HOSTS = "Give names of hosts without scheme and port, as rini.example.com,.example.org, or *."
NETWORKS = "Give addresses or networks, as 10.0.0.7,10.1.0.0/16."
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
WILDCARDS = ("0.0.0.0", "::", "[::]")  # noqa: S104  # compared, not bound
_HOST = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+\]")


def database(value: str) -> str:
    parts = _split(value, DATABASE)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise Wrong(DATABASE)
    return value


def redis(value: str) -> str:
    parts = _split(value, REDIS)
    number = parts.path.strip("/")
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise Wrong(REDIS)
    if number and not (number.isascii() and number.isdigit()):
        raise Wrong(REDIS)
    return value


def web(value: str) -> str:
    """An address without a slash at its end."""
    parts = _split(value, WEB)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Wrong(WEB)
    return value.rstrip("/")


def origin(value: str) -> str:
    """An origin in the form in which browsers send it, or ``*``."""
    return value if value == "*" else _origin(value, ORIGIN)


def trusted_origin(value: str) -> str:
    return _origin(value, TRUSTED)


def host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise Wrong(HOSTS)
    return value


def place(value: str) -> str:
    """A host, a host with a port, or a network: what a private address may be allowed by."""
    name, _, port = value.rpartition(":")
    if port.isdigit() and _HOST.fullmatch(name):
        return value
    try:
        ip_network(value)
    except ValueError:
        if "*" in value or not _HOST.fullmatch(value):
            raise Wrong(PLACES) from None
    return value


def network(value: str) -> str:
    """An IP address, or a network of them."""
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise Wrong(NETWORKS) from None
    return value


def is_loopback(host: str) -> bool:
    """Whether what listens on `host` is reached from this machine alone."""
    return host in LOOPBACK_NAMES or host == "::1" or host.startswith("127.")


def names_of(host: str) -> list[str]:
    """The names of an installation that listens on `host`, where nobody says more."""
    own = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return list(dict.fromkeys([*LOOPBACK_NAMES, *([] if host in WILDCARDS else [own])]))


def _origin(value: str, remedy: str) -> str:
    parts = _split(value, remedy)
    has_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or has_more:
        raise Wrong(remedy)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _split(value: str, remedy: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # it is read, and may be wrong, only now
    except ValueError:
        raise Wrong(remedy) from None
    if any(character.isspace() for character in value):
        raise Wrong(remedy)
    return parts
