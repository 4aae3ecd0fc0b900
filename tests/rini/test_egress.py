"""Addresses that users give: none leads into a private network, whatever it is written as."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp import web
from pytest_django import Settings

from rini import egress
from rini.egress import AddressRefused, FetchFailed

REFUSED = [
    "0.0.0.1", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
    "127.0.0.1", "127.1.2.3", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255",
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:c0a8:1::1", "3fff::1", "4000::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff05::2",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1",
    "192.0.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "2606:4700:4700::1111",
    "2001:4860:4860::8888", "2400:cb00::1", "2a00:1450::1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_unicast_is_refused(address: str) -> None:
    assert not egress.is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert egress.is_public(ip_address(address))


class Canary:
    """A server on 127.0.0.1 that nobody may reach, and the paths that were asked of it."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.routes: dict[str, Callable[[], web.StreamResponse]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if request.path == "/slow":
            await asyncio.sleep(5)
        route = self.routes.get(request.path)
        return route() if route else web.Response(text="안녕")

    def url(self, path: str = "/", host: str = "canary.example") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    canary = Canary()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", canary.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            try:
                probe.bind((host, 0))
            except OSError:
                continue  # a machine without IPv6
        await web.TCPSite(runner, host, canary.port).start()
        canary.port = runner.addresses[0][1]
    yield canary
    await runner.cleanup()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What the resolver says of a name: each question takes the next answer, the last one stays."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
        if host not in answers:
            return real(host, *arguments, **more)
        told = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [info for address in told for info in real(address, *arguments, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


async def fetch(url: str, **more: Any) -> egress.Fetched:
    return await egress.fetch(url, **{"max_bytes": 1000, "deadline": 3, **more})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1",
        "0177.1", "0", "0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]",
        "①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "[64:ff9b::127.0.0.1]", "[fe80::1%25lo]",
        "169.254.169.254", "[fd00:ec2::254]",
    ],
)  # fmt: skip
async def test_no_way_of_writing_an_address_leads_inside(canary: Canary, host: str) -> None:
    with pytest.raises((AddressRefused, FetchFailed)):
        await fetch(canary.url("/secret", host))
    assert canary.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://example.com/",
        "dict://127.0.0.1:11211/", "http:///etc", "//127.0.0.1/", "127.0.0.1", "", "http://",
        "http://user:secret@example.com/", "jar:http://127.0.0.1!/", "javascript:alert(1)",
        "http://[::1", "http://exa mple.com/", "http://\u0000/", "data:text/plain,hi",
    ],
)  # fmt: skip
async def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises((AddressRefused, FetchFailed)):
        await fetch(url)


async def test_a_name_with_one_private_address_is_refused(
    canary: Canary, names: dict[str, list[list[str]]]
) -> None:
    names["canary.example"] = [["1.1.1.1", "127.0.0.1"]]
    with pytest.raises(AddressRefused, match="EGRESS_ALLOWED_HOSTS"):
        await fetch(canary.url())
    assert canary.asked == []


async def test_a_name_is_asked_for_once_and_the_connection_goes_where_it_was_checked(
    canary: Canary, names: dict[str, list[list[str]]], settings: Settings
) -> None:
    settings.EGRESS_ALLOWED_HOSTS = ["127.0.0.1/32"]
    names["canary.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    assert (await fetch(canary.url())).body.decode() == "안녕"
    assert names["canary.example"] == [["127.0.0.2"]]


async def test_a_name_that_answers_differently_at_the_redirect_gains_nothing(
    canary: Canary, names: dict[str, list[list[str]]], settings: Settings
) -> None:
    settings.EGRESS_ALLOWED_HOSTS = [f"first.example:{canary.port}"]
    names["first.example"] = [["127.0.0.1"]]
    names["second.example"] = [["127.0.0.1"]]
    canary.routes["/go"] = lambda: web.Response(
        status=302, headers={"Location": canary.url("/secret", "second.example")}
    )
    with pytest.raises(AddressRefused):
        await fetch(canary.url("/go", "first.example"))
    assert canary.asked == ["/go"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_without_the_headers_of_the_first_request(
    canary: Canary, names: dict[str, list[list[str]]], settings: Settings, status: int
) -> None:
    settings.EGRESS_ALLOWED_HOSTS = ["canary.example"]
    names["canary.example"] = [["127.0.0.1"]]
    canary.routes["/go"] = lambda: web.Response(status=status, headers={"Location": "/there"})
    answer = await fetch(canary.url("/go"), headers={"Authorization": "Bearer secret"})
    assert answer.url == canary.url("/there")
    assert ["authorization" in headers for headers in canary.headers] == [True, False]


async def test_a_circle_of_redirects_ends(
    canary: Canary, names: dict[str, list[list[str]]], settings: Settings
) -> None:
    settings.EGRESS_ALLOWED_HOSTS = ["canary.example"]
    names["canary.example"] = [["127.0.0.1"]]
    canary.routes["/go"] = lambda: web.Response(status=302, headers={"Location": "/go"})
    with pytest.raises(FetchFailed, match="redirects more than 5 times"):
        await fetch(canary.url("/go"))


async def test_what_is_too_large_is_cut_off_compressed_or_not(
    canary: Canary, names: dict[str, list[list[str]]], settings: Settings
) -> None:
    settings.EGRESS_ALLOWED_HOSTS = ["canary.example"]
    names["canary.example"] = [["127.0.0.1"]]
    canary.routes["/large"] = lambda: web.Response(body=b"x" * 1001)
    canary.routes["/bomb"] = lambda: web.Response(
        body=gzip.compress(b"x" * 1_000_000), headers={"Content-Encoding": "gzip"}
    )
    for path in ("/large", "/bomb"):
        with pytest.raises(FetchFailed, match="more than 1000 bytes"):
            await fetch(canary.url(path))


async def test_slow_servers_and_failures_say_what_happened(
    canary: Canary, names: dict[str, list[list[str]]], settings: Settings
) -> None:
    settings.EGRESS_ALLOWED_HOSTS = ["canary.example"]
    names["canary.example"] = [["127.0.0.1"]]
    canary.routes["/missing"] = lambda: web.Response(status=404)
    with pytest.raises(FetchFailed, match="answered 404"):
        await fetch(canary.url("/missing"))
    with pytest.raises(FetchFailed, match="took more than 0.2 seconds"):
        await fetch(canary.url("/slow?key=secret"), deadline=0.2)
    with pytest.raises(FetchFailed, match="cannot be found"):
        await fetch("http://nowhere.invalid/")


async def test_an_allowed_name_is_allowed_under_that_name_alone(
    canary: Canary, names: dict[str, list[list[str]]], settings: Settings
) -> None:
    settings.EGRESS_ALLOWED_HOSTS = ["Wiki.Internal"]
    names["wiki.internal"] = [["127.0.0.1"]]
    answer = await fetch(canary.url("/page", "wiki.internal"))
    assert (answer.status, answer.media_type) == (200, "text/plain")
    with pytest.raises(AddressRefused):
        await fetch(canary.url("/page", "127.0.0.1"))


async def test_the_environments_proxy_is_not_used(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", canary.url("", "127.0.0.1"))
    monkeypatch.setenv("ALL_PROXY", canary.url("", "127.0.0.1"))
    with pytest.raises(FetchFailed):
        await fetch("http://nowhere.invalid/")
    assert canary.asked == []
