"""The keywords' half of a search: which passages have the rarest terms of a question.

The terms of a passage stand in PostgreSQL behind the scope of its base, so that a search reads of
the index only what is its own (`rini.keyword_search`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from knowledge.filters import Condition
from knowledge.models import CommonTerm, KnowledgeBase
from rini import lexical, ranking
from rini.keyword_search import COMMON_FROM, FREQUENCIES, Candidates, KeywordIndex
from rini.storage.statements import execute, execute_once

_INDEX = KeywordIndex("knowledge_chunk", "knowledge_commonterm")
_VISIBLE = "texts.base_id = ANY(%s) AND texts.live"
_OF_DOCUMENTS = """ AND EXISTS (
    SELECT FROM knowledge_document document WHERE document.id = texts.document_id AND ({condition})
)"""
_COMMON = f"""
    INSERT INTO knowledge_commonterm (base_id, lexeme, documents)
    SELECT %s, common.* FROM ({FREQUENCIES}) AS common
"""  # noqa: S608  # a constant


def scope(base_id: UUID) -> str:
    """What stands before every term of a base: as much of its id as tells it from all others."""
    return f"{base_id.hex[:12]}."


def tsvector(base_id: UUID, text: str) -> str:
    """The terms of a passage of a base, for storing."""
    return lexical.tsvector(text, scope(base_id))


def search(
    sizes: Mapping[UUID, int], text: str, condition: Condition | None
) -> tuple[dict[int, float], dict[int, float]]:
    """The passages with most of a question's weight, by their ids, the best first: their scores by
    BM25, and the same as shares from 0 to 1. `sizes` are the passages of each base."""
    texts = sum(sizes.values())
    found = _candidates(sizes, texts, text, condition)
    scores = ranking.bm25(found.found, found.frequencies, texts)
    shares = {
        key: ranking.keyword_share(score, found.frequencies, texts) for key, score in scores.items()
    }
    return scores, shares


def _candidates(
    sizes: Mapping[UUID, int], texts: int, text: str, condition: Condition | None
) -> Candidates:
    visible = _VISIBLE
    values: list[Any] = [list(sizes)]
    if condition:
        visible += _OF_DOCUMENTS.format(condition=condition[0])
        values += condition[1]
    return _INDEX.candidates(
        execute_once if condition else execute,
        text,
        [scope(base_id) for base_id in sizes],
        texts,
        condition=visible,
        parameters=values,
    )


def recount(base: KnowledgeBase, passages: int) -> None:
    """Write down anew which terms of a base are common, if it is another by a tenth since then."""
    if abs(passages - base.counted_passages) * 10 <= base.counted_passages:
        return
    terms = f"SELECT terms FROM knowledge_chunk WHERE base_id = '{base.id}' AND live"  # noqa: S608
    with transaction.atomic():
        # The lock has another count of the same base wait; documents may come in the meantime.
        if not KnowledgeBase.objects.select_for_update(no_key=True).filter(id=base.id).exists():
            return
        CommonTerm.objects.filter(base=base).delete()
        execute(_COMMON, [base.id, terms, COMMON_FROM])
        KnowledgeBase.objects.filter(id=base.id).update(counted_passages=passages)
