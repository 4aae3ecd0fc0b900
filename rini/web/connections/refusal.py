"""Answers to what is refused before it is a request: no application has seen it."""

from __future__ import annotations

from http import HTTPStatus

import orjson

from rini.errors import RiniError, problem


class HeadTooLarge(RiniError):
    status = 431
    code = "headers_too_large"


class AddressTooLong(RiniError):
    status = 414
    code = "address_too_long"


class TooManyRequests(RiniError):
    """Nobody is told: the answer to the first of them is still to come."""

    status = 429


class TooSlow(RiniError):
    status = 408
    code = "request_timeout"


class TooManyConnections(RiniError):
    status = 503
    code = "too_many_connections"
    detail = "Too many connections are open: close some, or try again shortly."


def encoded(error: RiniError) -> bytes:
    """`error` as a whole HTTP answer, after which the connection is closed."""
    body = orjson.dumps(problem(error, ""))
    headers = {
        "content-type": "application/problem+json",
        "content-length": str(len(body)),
        "connection": "close",
        **error.headers,
    }
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
