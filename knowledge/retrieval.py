"""Finding the passages that answer a question: by keywords, by vectors, by both.

Each half brings its hundred best; BM25 ranks the keywords' half, and both are joined by their
standardised scores (`rini.ranking`). What a search may see are live passages of the given bases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from accounts.authentication import Caller
from knowledge import expansion, filters, keywords, nearest, vectors
from knowledge.bases import sizes
from knowledge.expansion import Span
from knowledge.filters import Condition
from knowledge.models import Chunk, KnowledgeBase
from rini import ranking
from rini.errors import InvalidInput
from rini.storage.database import in_database
from rini.translation import gettext as _


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
    expand: int = 0
    """The tokens that a passage may have with what stands around it; 0: it stands alone."""
    filters: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found. Scores are from 0 to 1; of a half that did not find it, None."""

    chunk: Chunk
    shown: Span
    """The passage, or what of its section was asked for."""
    score: float
    keyword: float | None
    vector: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, the best first, and how it was looked for."""

    found: list[Found]
    mode: Mode


async def search(caller: Caller, bases: Sequence[KnowledgeBase], question: Question) -> Answer:
    """The passages of `bases` that answer a question best. `bases` are ones that the caller sees.

    Raises `InvalidInput` for a mode that the bases do not have, and what embedding raises.
    """
    mode = _mode(bases, question.mode)
    condition = filters.condition(question.filters) if question.filters else None
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
    condition: Condition | None,
    mode: Mode,
    vector: list[float] | None,
) -> list[Found]:
    passages = sizes(bases)
    by_bm25: Mapping[int, float] = {}
    keyword: Mapping[int, float] = {}
    cosines: Mapping[int, float] = {}
    if mode is not Mode.VECTOR:
        by_bm25, keyword = keywords.search(passages, question.text, condition)
    if vector:
        cosines = nearest.search(bases, passages, vector, condition)
    similar = {key: ranking.vector_share(cosine) for key, cosine in cosines.items()}
    match mode:
        case Mode.KEYWORD:
            scores = keyword
        case Mode.VECTOR:
            scores = similar
        case Mode.HYBRID:
            weight = sum(base.keyword_weight for base in bases) / len(bases)
            fused = ranking.fused(by_bm25, cosines, weight)
            scores = {key: ranking.fused_share(score) for key, score in fused.items()}
    best = [key for key, score in scores.items() if score >= question.min_score]
    return [
        Found(chunk, span, scores[chunk.pk], keyword.get(chunk.pk), similar.get(chunk.pk))
        for chunk, span in _shown(best[: question.top_k], question.expand)
    ]


def _shown(best: Sequence[int], expand: int) -> list[tuple[Chunk, Span]]:
    """The found passages, in their order, each with the text that is shown in its place."""
    rows = Chunk.objects.select_related("document").defer("document__text", "embedding", "terms")
    stored = rows.in_bulk(best)
    chunks = [stored[key] for key in best if key in stored]  # one may have been deleted meanwhile
    if not expand:
        return [(chunk, Span(chunk.start, chunk.end, chunk.content)) for chunk in chunks]
    spans = expansion.sections(chunks, expand)
    return [(chunk, spans[chunk.pk]) for chunk in chunks if chunk.pk in spans]
