"""HTTP to vendors: one pool of connections per event loop, and failures as ProviderErrors.

Redirects are not followed: they would carry the key to another address.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import orjson

from providers.errors import (
    ProviderError,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from providers.refusals import from_response
from providers.types import Target
from rini.translation import gettext as _

MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a form, under a name by which vendors tell its kind."""

    name: str
    data: bytes


class VendorClient:
    """Sends requests to vendors. Timeouts are in seconds: to connect, until the first byte of the
    answer (a model may think for long before it), and of silence after that."""

    def __init__(
        self,
        *,
        connect_timeout: float = 10,
        first_byte_timeout: float = 300,
        idle_timeout: float = 120,
    ) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout, sock_read=first_byte_timeout
        )
        self._idle_timeout = idle_timeout
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]
        self._sessions = WeakKeyDictionary()

    async def send(
        self,
        method: str,
        url: str,
        target: Target,
        *,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        files: Mapping[str, SentFile] | None = None,
    ) -> VendorResponse:
        """The vendor's answer of success, its body still to read. Close it in any case.

        The body goes as JSON, with `files` as a form. Raises ProviderError: any other answer by its
        status, body and headers, an address that does not answer as ProviderUnavailable, one that
        takes too long as ProviderTimeout.
        """
        try:
            response = await self._session().request(
                method,
                url,
                data=_form(body or {}, files) if files else body and _json(body, target),
                headers=headers if files else {"Content-Type": "application/json", **headers},
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(error, target) from None
        answer = VendorResponse(response, target, self._idle_timeout)
        if 200 <= response.status < 300:
            return answer
        try:
            told = await answer.whole(MAX_ERROR_BYTES)
        except ProviderError:
            told = b""
        finally:
            answer.close()
        raise from_response(
            target.provider, response.status, told, response.headers, key=target.api_key
        )

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )
        return session


class VendorResponse:
    """The body of an answer, as it arrives."""

    def __init__(
        self, response: aiohttp.ClientResponse, target: Target, idle_timeout: float
    ) -> None:
        self._response = response
        self._target = target
        self._idle_timeout = idle_timeout
        self._began = False
        self._broken: ProviderError | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Their names in any case."""
        return self._response.headers

    async def piece(self) -> bytes:
        """The next bytes; empty at the end. Raises ProviderUnavailable, once everything that came
        was handed out, if the connection broke, and ProviderTimeout if the vendor went silent."""
        if self._broken is not None:
            raise self._broken
        content = self._response.content
        try:
            piece = await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            self._broken = _failure(error, self._target)
            # aiohttp raises before it hands out what it holds, and has no public way to get it.
            if rest := content._read_nowait(-1):
                return rest
            raise self._broken from None
        if not self._began:
            self._began = True
            self._expect_within(self._idle_timeout)
        return piece

    async def whole(self, limit: int = MAX_ANSWER_BYTES) -> bytes:
        """The rest of the body, at most about `limit` bytes of it (ProviderFailed beyond)."""
        pieces, size = [], 0
        while piece := await self.piece():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise ProviderFailed(
                    _("%(provider)s answered with over %(bytes)s bytes.")
                    % {"provider": self._target.provider, "bytes": limit}
                )
        return b"".join(pieces)

    async def finish(self, timeout: float = 0.2) -> None:
        """Read the end of a body of which all that matters has come, so that the connection can
        serve again; a vendor that does not end it soon loses the connection instead."""
        try:
            async with asyncio.timeout(timeout):
                await self.whole(MAX_ERROR_BYTES)
        except (TimeoutError, ProviderError):
            return

    def _expect_within(self, seconds: float) -> None:
        """How long the connection may be silent from now on."""
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = seconds
            connection.protocol.start_timeout()

    def close(self) -> None:
        """Close the connection at once, unless the body was read to its end."""
        self._response.close()


def _form(fields: Mapping[str, Any], files: Mapping[str, SentFile]) -> aiohttp.FormData:
    """As browsers write one: with names as they are. What would be more than a name is no file's,
    and no field's (`rini.web.multipart.harmless`, `providers.relays`)."""
    form = aiohttp.FormData(quote_fields=False)
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            form.add_field(name, value)
    for name, file in files.items():
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        form.add_field(name, file.data, filename=file.name, content_type=kind)
    return form


def _json(body: Mapping[str, Any], target: Target) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise ProviderRefused(
            _("The request cannot be sent to %(provider)s as JSON: %(error)s.")
            % {"provider": target.provider, "error": error}
        ) from None


def _failure(error: Exception, target: Target) -> ProviderError:
    name = target.provider
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ProviderUnavailable(
            _("%(provider)s does not accept connections. Try again later.") % {"provider": name}
        )
    if isinstance(error, TimeoutError):
        return ProviderTimeout(
            _("%(provider)s did not answer in time. Try again later.") % {"provider": name}
        )
    if isinstance(error, aiohttp.InvalidURL):
        return ProviderError(
            _("The base URL of %(provider)s is not valid. Correct it.") % {"provider": name}
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return ProviderUnavailable(
            _("%(provider)s cannot be reached. Check that it runs and that its base URL is right.")
            % {"provider": name}
        )
    return ProviderUnavailable(
        _("The connection to %(provider)s broke. Try again.") % {"provider": name}
    )
