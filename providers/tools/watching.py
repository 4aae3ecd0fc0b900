"""HTTP to servers of tools: through the one door to addresses of users, counted and watched.

The client library of MCP swallows or wraps much of what goes wrong on the way. Here it is seen
first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import httpx2

from rini import egress
from rini.egress import AddressRefused


class AnswerTooLarge(httpx2.TransportError):
    """A server has sent more than `most` bytes, or packed them though it was asked not to."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} bytes")
        self.most = most


@dataclass(slots=True)
class Watch:
    """What was seen of one exchange with a server. The first failure that leaves no hope ends the
    exchange by `give_up`: the library might wait for an answer that cannot come."""

    seconds: float
    most: int
    """Bytes of all its answers together."""
    vital: frozenset[str]
    """The methods of HTTP without which there is no answer."""
    give_up: Callable[[], object]
    taken: int = 0
    status: int = 0
    """Of the last vital answer; 0: there was none."""
    location: str = ""
    """Where that redirects to, without what may be a secret in it."""
    failure: Exception | None = None

    def answered(self, response: httpx2.Response, request: httpx2.Request) -> None:
        if request.method in self.vital:
            self.status = response.status_code
            place = request.url.join(response.headers.get("location", ""))
            self.location = str(place.copy_with(userinfo=b"", query=None, fragment=None))

    def failed(self, error: Exception) -> None:
        self.failure = self.failure or error
        self.give_up()

    def count(self, size: int) -> None:
        """Raises `AnswerTooLarge`."""
        self.taken += size
        if self.taken > self.most:
            error = AnswerTooLarge(self.most)
            self.failed(error)
            raise error


def client(headers: Mapping[str, str], watch: Watch) -> httpx2.AsyncClient:
    """A client for one exchange. Redirects are not followed, but told."""
    return httpx2.AsyncClient(
        transport=_Watched(egress.transport(), watch),
        # A packed answer could unpack to any size: none is asked for, and none is taken.
        headers={"User-Agent": "rini", **headers, "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(watch.seconds, connect=min(10.0, watch.seconds)),
        follow_redirects=False,
        trust_env=False,
    )


class _Watched(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except (httpx2.TransportError, AddressRefused) as error:
            if request.method in self._watch.vital:
                self._watch.failed(error)
            raise
        self._watch.answered(response, request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            self._watch.count(self._watch.most + 1)
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101  # an async transport's
        response.stream = _Counted(response.stream, self._watch)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            self._watch.count(len(piece))
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()
