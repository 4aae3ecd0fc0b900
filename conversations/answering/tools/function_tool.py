"""A tool that is a function of Rini's own, and how it reads its arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from providers.tools.tool import ToolResult, ToolSpec
from rini.errors import InvalidInput, RiniError
from rini.translation import gettext as _

Arguments = Mapping[str, Any]
Function = Callable[[Arguments], Awaitable[ToolResult]]


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function as a tool: its errors are results."""

    spec: ToolSpec
    function: Function

    async def call(self, arguments: Arguments) -> ToolResult:
        try:
            return await self.function(arguments)
        except RiniError as error:
            return ToolResult(_told(error), is_error=True)


def reading(
    name: str,
    description: str,
    required: Sequence[str],
    *,
    is_foreign: bool = True,
    **properties: Any,
) -> ToolSpec:
    """A tool that changes nothing. `properties` are the schemas of its arguments."""
    parameters = _object(required, properties)
    return ToolSpec(
        name,
        description,
        parameters,
        changes=False,
        is_repeatable=True,
        is_foreign=is_foreign,
    )


def changing(name: str, description: str, required: Sequence[str], **properties: Any) -> ToolSpec:
    """A tool that changes something of the user's, and gives nothing that others wrote."""
    return ToolSpec(name, description, _object(required, properties), is_foreign=False)


def _object(required: Sequence[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def text_in(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(_("Give %(name)s as a text.") % {"name": name})
    return value


def whole_in(arguments: Arguments, name: str, usual: int) -> int:
    value = arguments.get(name)
    if value is None:
        return usual
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise InvalidInput(_("Give %(name)s as a whole number.") % {"name": name})
    return value


def uuid_in(arguments: Arguments, name: str) -> UUID:
    try:
        return UUID(str(arguments.get(name)))
    except ValueError:
        raise InvalidInput(_("Give %(name)s as it was told.") % {"name": name}) from None


def _told(error: RiniError) -> str:
    told = [text for texts in (error.errors or {}).values() for text in texts]
    return " ".join(told) or error.detail
