"""Tools that look into the user's documents.

What they give is data of the user's documents, told in the same marks as passages are.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from accounts.authentication import Caller
from conversations.answering import passages
from conversations.answering.tools.found import Numbered
from conversations.answering.tools.function_tool import (
    Arguments,
    Function,
    reading,
    text_in,
    uuid_in,
    whole_in,
)
from knowledge import bases, finding, retrieval
from knowledge.models import KnowledgeBase
from knowledge.retrieval import Found, Question
from providers.tools.tool import ToolResult
from rini.storage.database import in_database
from rini.translation import gettext as _

MOST_PASSAGES = 20
MOST_CHARACTERS = 12_000
"""That are read of a document at once."""
_EXPAND = 400
SPECS = {
    spec.name: spec
    for spec in (
        reading(
            "knowledge_search",
            "Search the user's documents by meaning and by words, in any language. Gives the "
            "passages that fit best, each with a number to cite it by, like [1].",
            ["query"],
            query={"type": "string", "description": "What is looked for, in words."},
            top_k={"type": "integer", "minimum": 1, "maximum": MOST_PASSAGES},
        ),
        reading(
            "knowledge_find",
            "Find where an exact piece of text stands in the user's documents, as a name, a number "
            "or a code.",
            ["text"],
            text={"type": "string", "minLength": 2},
        ),
        reading(
            "knowledge_read",
            "Read a document of the user's from one character to another, as search and find tell "
            "them.",
            ["document_id"],
            document_id={"type": "string"},
            start={"type": "integer", "minimum": 0},
            end={"type": "integer", "minimum": 1},
        ),
    )
}


def functions(
    caller: Caller, base_ids: Sequence[UUID] | None, numbered: Numbered
) -> dict[str, Function]:
    """What the tools do. They see the given knowledge bases, or all of the caller's."""
    library = _Library(caller, base_ids, numbered)
    return {
        "knowledge_search": library.search,
        "knowledge_find": library.find,
        "knowledge_read": library.read,
    }


class _Library:
    """The documents that an answer may look into."""

    def __init__(self, caller: Caller, base_ids: Sequence[UUID] | None, numbered: Numbered) -> None:
        self._caller = caller
        self._base_ids = base_ids
        self._numbered = numbered

    async def search(self, arguments: Arguments) -> ToolResult:
        text, top_k = text_in(arguments, "query"), whole_in(arguments, "top_k", passages.USUAL)
        found = await in_database(self._bases)
        if not found:
            return ToolResult(_("There are no documents to look into."))
        question = Question(text=text, top_k=min(top_k or 1, MOST_PASSAGES), expand=_EXPAND)
        answer = await retrieval.search(self._caller, found, question)
        return self._told(answer.found)

    async def find(self, arguments: Arguments) -> ToolResult:
        text = text_in(arguments, "text")
        found = await in_database(lambda: finding.exact(self._bases(), text, passages.USUAL))
        return self._told(found)

    async def read(self, arguments: Arguments) -> ToolResult:
        document_id = uuid_in(arguments, "document_id")
        start = whole_in(arguments, "start", 0)
        end = whole_in(arguments, "end", start + MOST_CHARACTERS)
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
