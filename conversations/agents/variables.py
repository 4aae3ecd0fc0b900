"""Named variables of a system prompt: ``{{name}}``, in any language's letters. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rini.errors import InvalidInput
from rini.translation import gettext as _

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NAME = re.compile(r"\w{1,64}")


def is_name(text: str) -> bool:
    """Whether a variable can have this name."""
    return _NAME.fullmatch(text) is not None


def named_in(prompt: str) -> list[str]:
    """The variables that a prompt names, each once, in the order of their first places."""
    return list(dict.fromkeys(_PLACE.findall(prompt)))


def filled(prompt: str, declared: Mapping[str, str | None], given: Mapping[str, str]) -> str:
    """`prompt` with each variable's text in its place. What looks like a variable in a text stays
    as it is.

    `declared` has the text of each that nobody gives; None: it has to be given. Raises
    `InvalidInput` for one that is missing, or that is not declared.
    """
    unknown = given.keys() - declared.keys()
    missing = {name for name, usual in declared.items() if usual is None} - given.keys()
    errors = {f"variables.{name}": [_("The agent has no such variable.")] for name in unknown}
    errors |= {f"variables.{name}": [_("The agent needs this variable.")] for name in missing}
    if errors:
        raise InvalidInput(errors=errors)
    texts = {**declared, **given}
    return _PLACE.sub(lambda place: texts[place[1]] or "", prompt)
