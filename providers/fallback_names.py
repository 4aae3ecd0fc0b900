"""The models that a request names to be asked where its own does not answer. Pure."""

from __future__ import annotations

from rini.errors import InvalidInput
from rini.translation import gettext as _

MOST = 10
FIELD = "fallbacks"
SCHEMA = {
    "type": "array",
    "items": {"type": "string"},
    "maxItems": MOST,
    "description": "Models to ask in this order where this one does not answer. Left out: those "
    "that the operator has set.",
}
"""What the OpenAPI document says of it."""


def fallback_names(value: object) -> list[str] | None:
    """The names in a request's ``fallbacks``; None where it says nothing: then the operator's
    hold. Raises `InvalidInput`."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise _invalid(_("Give a list of models, “provider/model” each."))
    if len(value) > MOST:
        raise _invalid(_("Give at most %(most)s items.") % {"most": MOST})
    return value


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(message, errors={FIELD: [message]})
