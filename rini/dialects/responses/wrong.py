"""What is wrong with a request, said of the field that it is wrong with. Pure."""

from __future__ import annotations

from collections.abc import Collection

from rini.errors import InvalidInput
from rini.translation import gettext as _


def invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors={field: [message]})


def one_of(value: object, field: str, known: Collection[str]) -> str:
    """`value`, which is one of the `known`. Raises `InvalidInput`."""
    if isinstance(value, str) and value in known:
        return value
    told = _("Give one of %(known)s.") % {"known": ", ".join(sorted(known))}
    raise invalid(field, told)


def text(value: object, field: str) -> str:
    """Raises `InvalidInput` for what is no text."""
    if not isinstance(value, str):
        raise invalid(field, _("Give a text."))
    return value


def text_or_none(value: object, field: str) -> str | None:
    return None if value is None else text(value, field)
