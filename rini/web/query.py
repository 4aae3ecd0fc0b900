"""What the lists of conversations take in their query, and how the OpenAPI document tells it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from rini.errors import InvalidInput

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def flag(request: Request, name: str) -> bool | None:
    """A switch in the query; None if it is not there. Raises `InvalidInput`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if text.lower() not in _FLAGS:
        raise _invalid(name, f"Give true or false, not {text[:50]!r}.")
    return _FLAGS[text.lower()]


def choice(request: Request, name: str, choices: Iterable[str]) -> str | None:
    """One of `choices` in the query; None if it is not there. Raises `InvalidInput`."""
    text = request.query_params.get(name)
    if text is not None and text not in choices:
        raise _invalid(name, f"Give {' or '.join(choices)}, not {text[:50]!r}.")
    return text


def message_id(request: Request, name: str) -> int | None:
    """A message's id in the query; None if it is not there. Raises `InvalidInput`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _invalid(name, f"Give a message's id, not {text[:50]!r}.")
    return int(text)


def uuid(request: Request, name: str) -> UUID | None:
    """An id in the query; None if it is not there. Raises `InvalidInput`."""
    text = request.query_params.get(name)
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        raise _invalid(name, f"Give an id, not {str(text)[:50]!r}.") from None


def text(request: Request, name: str, most: int = 200) -> str | None:
    """A text in the query; None if it is not there. Raises `InvalidInput`."""
    found = request.query_params.get(name)
    if found is not None and (len(found) > most or "\x00" in found):
        raise _invalid(name, f"Give a text of at most {most} characters, without NUL.")
    return found


def described(
    name: str, description: str, kind: OpenApiTypes = OpenApiTypes.STR
) -> OpenApiParameter:
    """A parameter's entry in the OpenAPI document."""
    return OpenApiParameter(name, kind, description=description)


def _invalid(name: str, message: str) -> InvalidInput:
    return InvalidInput(errors={name: [message]})
