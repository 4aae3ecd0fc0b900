"""Rini's own tools: searching, finding and reading the user's documents, and the time.

What they give is of the user's documents: data, told in the same marks as passages are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts.authentication import Caller
from conversations.answering import passages
from conversations.answering.tools.found import Numbered
from knowledge import bases, finding, retrieval
from knowledge.models import KnowledgeBase
from knowledge.retrieval import Found, Question
from providers.tools.tool import Tool, ToolResult, ToolSpec
from rini.errors import InvalidInput, RiniError
from rini.storage.database import in_database
from rini.translation import gettext as _

MOST_PASSAGES = 20
MOST_CHARACTERS = 12_000
"""That are read of a document at once."""
_EXPAND = 400
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A tool that is a function of the caller's."""

    spec: ToolSpec
    function: Callable[[Arguments], Awaitable[ToolResult]]

    async def call(self, arguments: Arguments) -> ToolResult:
        try:
            return await self.function(arguments)
        except RiniError as error:
            return ToolResult(_told(error), is_error=True)


def of(
    caller: Caller, names: Sequence[str], base_ids: Sequence[UUID] | None, numbered: Numbered
) -> list[Tool]:
    """The tools of these names. They see the given knowledge bases, or all of the caller's."""
    library = _Library(caller, base_ids, numbered)
    functions: dict[str, Callable[[Arguments], Awaitable[ToolResult]]] = {
        "knowledge_search": library.search,
        "knowledge_find": library.find,
        "knowledge_read": library.read,
        "current_time": _time,
    }
    return [BuiltIn(SPECS[name], functions[name]) for name in dict.fromkeys(names)]


def _spec(name: str, description: str, required: Sequence[str], **properties: Any) -> ToolSpec:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSpec(name, description, parameters, changes=False, is_repeatable=True)


SPECS = {
    spec.name: spec
    for spec in (
        _spec(
            "knowledge_search",
            "Search the user's documents by meaning and by words, in any language. Gives the "
            "passages that fit best, each with a number to cite it by, like [1].",
            ["query"],
            query={"type": "string", "description": "What is looked for, in words."},
            top_k={"type": "integer", "minimum": 1, "maximum": MOST_PASSAGES},
        ),
        _spec(
            "knowledge_find",
            "Find where an exact piece of text stands in the user's documents, as a name, a number "
            "or a code.",
            ["text"],
            text={"type": "string", "minLength": 2},
        ),
        _spec(
            "knowledge_read",
            "Read a document of the user's from one character to another, as search and find tell "
            "them.",
            ["document_id"],
            document_id={"type": "string"},
            start={"type": "integer", "minimum": 0},
            end={"type": "integer", "minimum": 1},
        ),
        _spec(
            "current_time",
            "The date and time now.",
            [],
            timezone={"type": "string", "description": "An IANA name, as Asia/Seoul. Usual: UTC."},
        ),
    )
}


class _Library:
    """The documents that an answer may look into."""

    def __init__(self, caller: Caller, base_ids: Sequence[UUID] | None, numbered: Numbered) -> None:
        self._caller = caller
        self._base_ids = base_ids
        self._numbered = numbered

    async def search(self, arguments: Arguments) -> ToolResult:
        text, top_k = _text(arguments, "query"), _whole(arguments, "top_k", passages.USUAL)
        found = await in_database(self._bases)
        if not found:
            return ToolResult(_("There are no documents to look into."))
        question = Question(text=text, top_k=min(top_k or 1, MOST_PASSAGES), expand=_EXPAND)
        answer = await retrieval.search(self._caller, found, question)
        return self._told(answer.found)

    async def find(self, arguments: Arguments) -> ToolResult:
        text = _text(arguments, "text")
        found = await in_database(lambda: finding.exact(self._bases(), text, passages.USUAL))
        return self._told(found)

    async def read(self, arguments: Arguments) -> ToolResult:
        document_id = _uuid(arguments, "document_id")
        start = _whole(arguments, "start", 0)
        end = _whole(arguments, "end", start + MOST_CHARACTERS)
        piece = await in_database(
            lambda: finding.piece(
                self._bases(), document_id, start, min(end, start + MOST_CHARACTERS)
            )
        )
        text = passages.marked(piece.content)
        return ToolResult(
            f'<passage document="{piece.document_id}" start="{piece.start}" end="{piece.end}" '
            f'of="{piece.length}">\n{text}\n</passage>'
        )

    def _bases(self) -> list[KnowledgeBase]:
        if self._base_ids is not None:
            return bases.all_of(self._caller.user, self._base_ids)
        mine = KnowledgeBase.objects.visible_to(self._caller.user)
        return list(mine.order_by("-created_at")[:100])

    def _told(self, found: Sequence[Found]) -> ToolResult:
        told = [passages.citation(0, one) for one in found]
        numbers = [self._numbered.number(one) for one in told]
        citations = [{**one, "number": n} for one, n in zip(told, numbers, strict=True)]
        text = passages.block(list(zip(numbers, found, strict=True)), with_ids=True)
        return ToolResult(text, structured={"citations": citations})


async def _time(arguments: Arguments) -> ToolResult:
    name = arguments.get("timezone") or "UTC"
    try:
        zone = ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(_("There is no time zone %(name)s.") % {"name": name}) from None
    now = datetime.now(zone)
    return ToolResult(f"{now.isoformat(timespec='seconds')} ({now:%A}, {name})")


def _text(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(_("Give %(name)s as a text.") % {"name": name})
    return value


def _whole(arguments: Arguments, name: str, usual: int) -> int:
    value = arguments.get(name)
    if value is None:
        return usual
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise InvalidInput(_("Give %(name)s as a whole number.") % {"name": name})
    return value


def _uuid(arguments: Arguments, name: str) -> UUID:
    try:
        return UUID(str(arguments.get(name)))
    except ValueError:
        raise InvalidInput(_("Give %(name)s as it was told.") % {"name": name}) from None


def _told(error: RiniError) -> str:
    told = [text for texts in (error.errors or {}).values() for text in texts]
    return " ".join(told) or error.detail
