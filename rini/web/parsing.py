"""JSON as it comes in: strict, and only what PostgreSQL can keep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser
from starlette.requests import Request

from rini.errors import InvalidInput, TooLarge, UnsupportedMediaType

SMALL = 64 * 1024
# The escape for NUL, but not a backslash (escaped) in front of a text that reads u0000.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class JSONParser(BaseParser):
    """Strict JSON: no NaN, no half of a surrogate pair, no NUL, nothing PostgreSQL cannot keep."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(settings.MAX_REQUEST_BYTES + 1)
        check_size(len(body))
        return parse_json(body)


async def read_body(request: Request) -> bytes:
    """The request's body; raises `TooLarge` before it has read more than is allowed."""
    length = request.headers.get("content-length", "0")
    check_size(int(length) if length.isdigit() else 0)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        check_size(len(body))
    return bytes(body)


def check_is_json(request: Request) -> None:
    """Raise `UnsupportedMediaType` for a body that says that it is something else.

    A web page of anybody can have its visitors' browsers send forms and plain text anywhere, and
    bodies without a type, but not JSON, and no ``Authorization`` (Fetch standard, "CORS-safelisted
    request-header"). Programs that send a token may leave the type out.
    """
    given = request.headers.get("content-type")
    if given is None:
        has_body = request.headers.get("content-length", "0") != "0"
        if "authorization" in request.headers or not (
            has_body or "transfer-encoding" in request.headers
        ):
            return
    elif _is_json(given):
        return
    raise UnsupportedMediaType(
        "The body is to be JSON, with `Content-Type: application/json`, and not "
        f"{repr(given[:80]) if given else 'without a type'}."
    )


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def has_small_body(request: Request) -> bool:
    """Whether the request announces a body that costs nothing to hold."""
    length = request.headers.get("content-length", "")
    return length.isdigit() and int(length) <= SMALL


def check_size(size: int) -> None:
    """Raise `TooLarge` for a body of more bytes than are allowed."""
    if size > settings.MAX_REQUEST_BYTES:
        raise TooLarge(f"The body has more than {settings.MAX_REQUEST_BYTES} bytes.")


def parse_json(body: bytes) -> Any:
    """The value of `body`; raises `InvalidInput` that says where it is wrong."""
    if rb"\u0000" in body and _NUL.search(body):
        raise InvalidInput("The JSON contains \\u0000, which no text here may contain.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from None
