"""Finding the passages that answer a question: by keywords, by vectors, by both.

Each half brings its hundred best; BM25 ranks the keywords' half, and both are joined by their
standardised scores (`rini.ranking`). What a search may see are live passages of the given bases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from accounts.authentication import Caller
from knowledge import filters, vectors
from knowledge.filters import Condition
from knowledge.models import Chunk, KnowledgeBase
from rini import lexical, ranking
from rini.errors import InvalidInput
from rini.ranking import Counted
from rini.storage.database import in_database
from rini.storage.statements import execute
from rini.translation import gettext as _

CANDIDATES = 100
_MAX_TERMS = 100  # of a question: a pasted page is not looked up word by word
_FROM = """
    FROM knowledge_chunk chunk JOIN knowledge_document document ON document.id = chunk.document_id
    WHERE chunk.base_id = ANY(%s) AND chunk.live
"""
_BY_TERMS = f"""
    SELECT chunk.id {_FROM} AND chunk.terms @@ %s::tsquery AND ({{condition}})
    ORDER BY ts_rank(chunk.terms, %s::tsquery) DESC, chunk.id LIMIT {CANDIDATES}
"""
_COUNTS = """
    SELECT chunk.id, length(chunk.terms), array_agg(lexeme), array_agg(cardinality(positions))
    FROM knowledge_chunk chunk CROSS JOIN LATERAL unnest(chunk.terms)
    WHERE chunk.id = ANY(%s) AND lexeme = ANY(%s::text[]) GROUP BY chunk.id
"""
_FREQUENCIES = """
    SELECT term, (
        SELECT count(*) FROM knowledge_chunk
        WHERE base_id = ANY(%s) AND live AND terms @@ ('''' || term || '''')::tsquery
    ) FROM unnest(%s::text[]) AS term
"""
_BY_VECTOR = f"""
    SELECT chunk.id, 1 - (chunk.embedding <=> %s::halfvec) {_FROM}
        AND chunk.embedding IS NOT NULL AND ({{condition}})
    ORDER BY chunk.embedding <=> %s::halfvec, chunk.id LIMIT {CANDIDATES}
"""


class Mode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, and how. `filters` are as `knowledge.filters` has them."""

    text: str
    mode: Mode | None = None
    top_k: int = 5
    min_score: float = 0.0
    filters: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found. Scores are from 0 to 1; of a half that did not find it, None."""

    chunk: Chunk
    score: float
    keyword: float | None
    vector: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, the best first, and how it was looked for."""

    found: list[Found]
    mode: Mode


@dataclass(frozen=True, slots=True)
class _Half:
    scores: dict[int, float] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)


async def search(caller: Caller, bases: Sequence[KnowledgeBase], question: Question) -> Answer:
    """The passages of `bases` that answer a question best. `bases` are ones that the caller sees.

    Raises `InvalidInput` for a mode that the bases do not have, and what embedding raises.
    """
    mode = _mode(bases, question.mode)
    condition = filters.condition(question.filters) if question.filters else ("true", [])
    vector: list[float] | None = None
    if mode is not Mode.KEYWORD:
        [vector] = await vectors.vectors(
            caller, bases[0], [vectors.fitted(bases[0], question.text, "query")], "query"
        )
    found = await in_database(_search, bases, question, condition, mode, vector)
    return Answer(found, mode)


def _mode(bases: Sequence[KnowledgeBase], wanted: Mode | None) -> Mode:
    models = {base.embedding_model for base in bases}
    if "" in models:
        if wanted in (Mode.HYBRID, Mode.VECTOR):
            raise InvalidInput(
                errors={"mode": [_("A base has no embedding model: it is searched by keywords.")]}
            )
        return Mode.KEYWORD
    if len(models) > 1 and wanted is not Mode.KEYWORD:
        raise InvalidInput(
            errors={
                "knowledge_base_ids": [
                    _(
                        "These bases have different embedding models, whose vectors cannot be "
                        "compared. Search them by keywords, or one after the other."
                    )
                ]
            }
        )
    return wanted or Mode.HYBRID


def _search(
    bases: Sequence[KnowledgeBase],
    question: Question,
    condition: Condition,
    mode: Mode,
    vector: list[float] | None,
) -> list[Found]:
    ids = [base.id for base in bases]
    keyword_half = _Half() if mode is Mode.VECTOR else _by_keywords(ids, question.text, condition)
    vector_half = _by_vector(ids, vector, condition) if vector else _Half()
    if mode is Mode.HYBRID:
        weight = sum(base.keyword_weight for base in bases) / len(bases)
        joined = ranking.fused(keyword_half.scores, vector_half.scores, weight)
        scores = {key: ranking.fused_share(score) for key, score in joined.items()}
    else:
        scores = (keyword_half if mode is Mode.KEYWORD else vector_half).shares
    best = [key for key, score in scores.items() if score >= question.min_score][: question.top_k]
    chunks = Chunk.objects.select_related("document").defer("document__text").in_bulk(best)
    return [
        Found(chunks[key], scores[key], keyword_half.shares.get(key), vector_half.shares.get(key))
        for key in best
        if key in chunks  # it may have been deleted in between
    ]


def _by_keywords(ids: Sequence[Any], text: str, condition: Condition) -> _Half:
    asked = list(dict.fromkeys(lexical.terms(text)))[:_MAX_TERMS]
    if not asked:
        return _Half()
    query = " | ".join(f"'{term}'" for term in asked)
    sql, values = condition
    rows = execute(_BY_TERMS.format(condition=sql), [list(ids), query, *values, query])
    counted = {
        key: Counted(length, dict(zip(lexemes, counts, strict=True)))
        for key, length, lexemes, counts in execute(_COUNTS, [[key for (key,) in rows], asked])
    }
    frequencies = dict(execute(_FREQUENCIES, [list(ids), asked]))
    texts = Chunk.objects.filter(base__in=ids, live=True).count()
    scores = ranking.bm25(counted, frequencies, texts)
    shares = {
        key: ranking.keyword_share(score, frequencies, texts) for key, score in scores.items()
    }
    return _Half(scores, shares)


def _by_vector(ids: Sequence[Any], vector: list[float], condition: Condition) -> _Half:
    sql, values = condition
    told = str(vector)
    rows = execute(_BY_VECTOR.format(condition=sql), [told, list(ids), *values, told])
    scores = {key: float(cosine) for key, cosine in rows}
    return _Half(scores, {key: ranking.vector_share(score) for key, score in scores.items()})
