"""What a request of Anthropic's Messages API asks for. Pure.

Format: https://platform.claude.com/docs/en/api/messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from providers.fallback_names import fallback_names
from rini.errors import InvalidInput
from rini.translation import gettext as _

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A ``POST /v1/messages``; `fields` are all but ``model`` and ``stream``, as they came."""

    model: str
    fields: Fields
    stream: bool
    fallbacks: list[str] | None = None
    """The models to ask where this one does not answer; None: the operator's."""


def asked(body: Any) -> Asked:
    """Raises `InvalidInput` with a message on the field that is wrong."""
    counted = to_count(body)
    stream = counted.fields.pop("stream", None) or False
    if not isinstance(stream, bool):
        raise invalid("stream", _("Give true or false."))
    most = counted.fields.get("max_tokens")
    if type(most) is not int or most < 1:
        raise invalid("max_tokens", _("Give a whole number of at least 1."))
    return replace(counted, stream=stream)


def to_count(body: Any) -> Asked:
    """A ``POST /v1/messages/count_tokens``, which needs no ``max_tokens``. Raises as `asked`."""
    if not isinstance(body, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    fields = {name: value for name, value in body.items() if value is not None}
    fallbacks = fallback_names(fields.pop("fallbacks", None))
    model = fields.pop("model", None)
    if not isinstance(model, str) or not model:
        raise invalid("model", _("Name a model, “provider/model” for instance."))
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", _("Give a list of at least one message."))
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise invalid(f"messages.{i}", _("A message is an object with a role and a content."))
    return Asked(model, fields, stream=False, fallbacks=fallbacks)


def invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors={field: [message]})
