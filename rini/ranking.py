"""Which of the found texts answer a question best: by their terms, by their vectors, by both. Pure.

*Keywords* are ranked by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25
and Beyond", 2009) with the never negative idf of Lucene's ``BM25Similarity``::

    score(text) = Σ idf · tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean length))
    idf = ln(1 + (N - df + 0.5) / (df + 0.5))

over the terms of the question, where tf is how often a term stands in the text, df in how many of
the N texts it stands. k1 and b are lower than the customary 1.2 and .75: of passages about equally
long, whether a term is there says more than how often. They were tuned on Korean, Japanese, Chinese
and English questions (`benchmarks.retrieval`); all of k1 .5–.9 and b .5–.8 is within half a point.

*Both* are joined by their scores, not by their ranks: each half's scores are standardised (less
their mean, by their standard deviation) over its best texts, then added by weight. So a clear
winner of one half stays one, which reciprocal ranks would not let it.

What clients get is between 0 and 1, and orders texts as the scores do.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import TypeVar

K1 = 0.7
B = 0.7
KEYWORD_WEIGHT = 0.6
"""How much keywords count beside vectors; tuned on the same questions."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Counted:
    """A text as ranking sees it."""

    length: int
    """How many terms it has. Any measure will do that is the same for all."""
    counts: Mapping[str, int]
    """How often terms of the question stand in it; those that do not may be missing."""


def idf(frequency: int, texts: int) -> float:
    """What a term weighs that stands in `frequency` of so many texts. Never below 0, as the number
    of texts may be an older one than the frequency."""
    return math.log(1 + max(0.0, texts - frequency + 0.5) / (frequency + 0.5))


def bm25(
    found: Mapping[K, Counted],
    frequencies: Mapping[str, int],
    texts: int,
    *,
    mean_length: float | None = None,
    k1: float = K1,
    b: float = B,
) -> dict[K, float]:
    """The scores of `found` for the question whose terms `frequencies` has, each with the number of
    texts that it stands in, of `texts` in all; the best first.

    Without `mean_length` that of `found` stands for that of all texts: measured, it does as well.
    """
    weights = {term: idf(frequency, texts) for term, frequency in frequencies.items()}
    mean = mean_length or fmean(text.length for text in found.values()) if found else 0
    scores = {}
    for key, text in found.items():
        damping = k1 * (1 - b + b * text.length / mean) if mean else k1
        scores[key] = sum(
            weights[term] * count * (k1 + 1) / (count + damping)
            for term, count in text.counts.items()
            if count and term in weights
        )
    return _best_first(scores)


def keyword_share(
    score: float, frequencies: Mapping[str, int], texts: int, k1: float = K1
) -> float:
    """A score of `bm25` as a part of the highest that this question can have: 0 is none of its
    terms, 1 all of them without end. A text of mean length that has every term once is at 0.59."""
    highest = (k1 + 1) * sum(idf(frequency, texts) for frequency in frequencies.values())
    return min(1.0, score / highest) if highest > 0 else 0.0


def vector_share(cosine: float) -> float:
    """A cosine similarity (-1 to 1) as 0 to 1."""
    return min(1.0, max(0.0, (1 + cosine) / 2))


def fused(
    keyword: Mapping[K, float],
    vector: Mapping[K, float],
    keyword_weight: float = KEYWORD_WEIGHT,
) -> dict[K, float]:
    """The texts of both halves' best (100 each, say) with their joined scores, the best first.

    A text that only one half found counts in the other as that one's worst. Where a half found
    nothing, the other alone decides.
    """
    halves = [(keyword, keyword_weight), (vector, 1 - keyword_weight)]
    standard = [(_standardised(scores), weight) for scores, weight in halves if scores]
    return _best_first(
        {
            key: sum(weight * scores.get(key, min(scores.values())) for scores, weight in standard)
            for key in dict.fromkeys((*keyword, *vector))
        }
    )


def fused_share(score: float) -> float:
    """A score of `fused` as 0 to 1: 0.5 is the average of what was found, and what stands out by
    two standard deviations in both halves is at 0.88 (the logistic function)."""
    return 1 / (1 + math.exp(-score)) if score > -700 else 0.0  # `exp` overflows beyond


def _standardised(scores: Mapping[K, float]) -> dict[K, float]:
    values: Collection[float] = scores.values()
    mean, deviation = fmean(values), pstdev(values)
    return {key: (score - mean) / deviation if deviation else 0.0 for key, score in scores.items()}


def _best_first(scores: Mapping[K, float]) -> dict[K, float]:
    """Equals stay in the order in which they came."""
    return dict(sorted(scores.items(), key=lambda item: -item[1]))
