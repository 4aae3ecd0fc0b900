"""JSON as it comes in: strict, and only what PostgreSQL can keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.parsers import BaseParser

from rini.errors import InvalidInput


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


def parse_json(body: bytes) -> Any:
    """The value of `body`; raises `InvalidInput` that says where it is wrong."""
    if rb"\u0000" in body:
        raise InvalidInput("The JSON contains \\u0000, which no text here may contain.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from None
