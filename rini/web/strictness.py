"""What a body of JSON may say before its serializer reads it.

REST framework takes the number 5 for the text "5" and the text "5" for a number, reads past fields
that it does not know, and refuses `null` where a field may be left out. A client that misspells a
field, or sends another type, has made a mistake that it should hear of; `null` means "nothing".
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from rest_framework import serializers
from rest_framework.serializers import BaseSerializer, Serializer

from rini.translation import gettext as _

Errors = dict[str, list[str]]
# fmt: off
_PARAMETERS = frozenset((
    "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "stop", "seed", "n",
    "presence_penalty", "frequency_penalty", "reasoning_effort", "response_format", "tool_choice",
    "logit_bias", "thinking",
))
# fmt: on
"""What a client may take for a field of the request itself: it belongs in ``llm_params``."""
_TEXTS = (serializers.CharField,)
_NUMBERS = (serializers.IntegerField, serializers.FloatField)
_SWITCHES = (serializers.BooleanField,)


def reading(
    reader: BaseSerializer[Any], body: Mapping[str, Any], *, takes_unknown: bool = False
) -> tuple[dict[str, Any], Errors]:
    """`body` without what means nothing, and what is wrong with it, by the fields' paths."""
    errors: Errors = {}
    kept = _kept(reader, body, "", errors, takes_unknown=takes_unknown)
    return kept, errors


def without_empty(reader: Serializer[Any], form: Mapping[str, Any]) -> dict[str, Any]:
    """A form's fields, of those that may be left out only the ones that were filled in."""
    fields = reader.fields
    return {
        name: value
        for name, value in form.items()
        if value != "" or (name in fields and fields[name].required)
    }


def _kept(
    reader: BaseSerializer[Any],
    body: Mapping[str, Any],
    path: str,
    errors: Errors,
    *,
    takes_unknown: bool,
) -> dict[str, Any]:
    fields: Mapping[str, Any] = getattr(reader, "fields", {})
    kept: dict[str, Any] = {}
    for name, value in body.items():
        place = f"{path}{name}"
        field = fields.get(name)
        if field is None:
            if not takes_unknown and value is not None:
                errors[place] = [_unknown(name, fields)]
        elif value is None and not field.required and not field.allow_null:
            continue
        else:
            kept[name] = _inside(field, value, place, errors, takes_unknown=takes_unknown)
    return kept


def _inside(field: Any, value: Any, place: str, errors: Errors, *, takes_unknown: bool) -> Any:
    """`value` as a serializer inside this one gets it; JSON of another type is an error."""
    if isinstance(field, serializers.ListSerializer) and isinstance(value, list):
        many = enumerate(value)
        child: Any = field.child
        return [
            _inside(child, one, f"{place}.{at}", errors, takes_unknown=takes_unknown)
            for at, one in many
        ]
    if isinstance(field, Serializer) and isinstance(value, Mapping):
        return _kept(field, value, f"{place}.", errors, takes_unknown=takes_unknown)
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        for at, one in enumerate(value):
            _check_type(field.child, one, f"{place}.{at}", errors)
        return value
    _check_type(field, value, place, errors)
    return value


def _check_type(field: Any, value: Any, place: str, errors: Errors) -> None:
    """Note the error of a value that is not of its field's type in JSON, though it could be read as
    one."""
    is_number = isinstance(value, int | float)
    is_text = isinstance(value, str)
    if isinstance(field, _TEXTS) and is_number:
        errors[place] = [_("Give a text.")]
    elif isinstance(field, _SWITCHES) and (is_text or (is_number and not isinstance(value, bool))):
        errors[place] = [_("Give true or false.")]
    elif isinstance(field, _NUMBERS) and (is_text or isinstance(value, bool)):
        errors[place] = [_("Give a number.")]


def _unknown(name: str, fields: Mapping[str, Any]) -> str:
    if "llm_params" in fields and name in _PARAMETERS:
        return _("There is no such field here: put it into `llm_params`.")
    writable = [known for known, field in fields.items() if not field.read_only]
    if near := get_close_matches(name, writable, n=1):
        return _("There is no such field. Did you mean “%(name)s”?") % {"name": near[0]}
    return _("There is no such field. The fields are: %(names)s.") % {"names": ", ".join(writable)}
