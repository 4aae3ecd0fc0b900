"""JSON as it comes in: strict, and only what PostgreSQL can keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, TypeVar

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser
from starlette.requests import Request

from rini.errors import InvalidInput, UnsupportedMediaType
from rini.storage.threads import LARGE
from rini.translation import gettext as _
from rini.web import json_bounds
from rini.web.body_limit import SMALL, announced

R = TypeVar("R")
_NUL, _REPLACEMENT = rb"\u0000", rb"\ufffd"


class JSONParser(BaseParser):
    """Strict JSON: no NaN, no half of a surrogate pair, no NUL, nothing PostgreSQL cannot keep."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return parse_json(stream.read())


class FileParser(JSONParser):
    """For files that other programs wrote: a NUL in one of their texts becomes U+FFFD, and the rest
    is read."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = bytearray(stream.read())
        for at in _nul_escapes(body):
            body[at : at + len(_NUL)] = _REPLACEMENT
        return parse_json(bytes(body))


async def read_body(request: Request) -> bytes:
    """The request's body. Raises `TooLarge` before it has read more than is allowed, which is
    little for a caller that is not known (`rini.web.body_limit`)."""
    return b"".join([piece async for piece in request.stream()])


def check_is_json(request: Request) -> None:
    """Raise `UnsupportedMediaType` for a body that says that it is something else.

    A web page of anybody can have its visitors' browsers send forms and plain text anywhere, and
    bodies without a type, but not JSON, and no header with a token (Fetch standard,
    "CORS-safelisted request-header"). Programs that send a token may leave the type out.
    """
    check_is_plain(request.headers)
    given = request.headers.get("content-type")
    if given is None:
        has_body = request.headers.get("content-length", "0") != "0"
        if (
            "authorization" in request.headers
            or "x-api-key" in request.headers
            or not (has_body or "transfer-encoding" in request.headers)
        ):
            return
    elif _is_json(given):
        return
    if not given:
        raise UnsupportedMediaType(
            _("The body must be JSON, with `Content-Type: application/json`; it has no type.")
        )
    raise UnsupportedMediaType(
        _("The body must be JSON, with `Content-Type: application/json`, not %(given)r.")
        % {"given": given[:80]}
    )


def check_is_plain(headers: Mapping[str, str]) -> None:
    """Raise `UnsupportedMediaType` for a compressed body, which may open to any size."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise UnsupportedMediaType(
            _("Send the body as it is, not with `Content-Encoding: %(encoding)s`.")
            % {"encoding": encoding[:40]}
        )


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def has_small_body(request: Request) -> bool:
    """Whether the request announces a body that costs nothing to hold."""
    length = announced(request.scope)
    return length is not None and length <= min(SMALL, settings.MAX_ANONYMOUS_BYTES)


async def if_large_aside(body: bytes, read: Callable[[bytes], R]) -> R:
    """`read(body)`: of a large one on another thread, while the event loop does something else."""
    return read(body) if len(body) <= SMALL else await LARGE.run(read, body)


def parse_json(body: bytes) -> Any:
    """The value of `body`; raises `InvalidInput` that says where it is wrong."""
    depth, values = settings.MAX_JSON_DEPTH, settings.MAX_JSON_VALUES
    try:
        json_bounds.check(body, depth=depth, values=values)
    except json_bounds.TooDeep:
        raise InvalidInput(
            _("The JSON has more than %(depth)s levels.") % {"depth": depth}
        ) from None
    except json_bounds.TooMany:
        raise InvalidInput(
            _("The JSON has more than %(values)s values.") % {"values": values}
        ) from None
    if next(_nul_escapes(body), None) is not None:
        raise InvalidInput(_("The JSON contains \\u0000, which no text here may contain."))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(_("The body is not valid JSON: %(error)s.") % {"error": error}) from None


def _nul_escapes(body: bytes | bytearray) -> Iterator[int]:
    """Where NUL is escaped, but not where an escaped backslash stands before a text that reads
    u0000. (A regular expression would hold the interpreter for a second in a body of 10 MB.)"""
    at = body.find(_NUL)
    while at >= 0:
        first = at
        while first and body[first - 1] == ord("\\"):
            first -= 1
        if (at - first) % 2 == 0:
            yield at
        at = body.find(_NUL, at + len(_NUL))
