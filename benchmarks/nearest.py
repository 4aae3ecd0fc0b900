"""How fast, and how truly, the nearest passages are found in large bases.

    python -m benchmarks.nearest [passages] [dimensions]

One base of so many passages (by default 100,000 of 384 dimensions, around a thousand centres, as
passages on the same subjects are), and one of a hundredth of that. Printed are the median and 95th
percentile of a search in milliseconds, and how many of the true ten nearest it finds.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Sequence
from statistics import quantiles
from typing import Any

import numpy as np

from benchmarks.installation import installation

QUESTIONS = 200
_DOCUMENT = """
    INSERT INTO knowledge_document (id, base_id, name, source, attributes, file, file_type, size,
        content_hash, text, chunk_count, status, progress, error, attempt, tries, not_before,
        created_at)
    VALUES (%s, %s, 'd', '', %s, '', '', 1, '', '', %s, 'ready', 1, '', 0, 0, now(), now())
"""
_CHUNKS = """
    INSERT INTO knowledge_chunk (document_id, base_id, space, attempt, live, ordinal, content,
        start, "end", headings, content_hash, terms, embedding)
    SELECT %s, %s, %s, 0, true, number, '', 0, 1, '{}', '', '', vector::halfvec
    FROM unnest(%s::text[]) WITH ORDINALITY AS given (vector, number)
"""


def main(passages: int = 100_000, dimensions: int = 384) -> None:
    with installation():
        from knowledge import bases, filters, nearest

        rng = np.random.default_rng(14)
        centres = rng.normal(size=(1000, dimensions))
        vectors = centres[rng.integers(1000, size=passages)] + rng.normal(
            scale=0.7, size=(passages, dimensions)
        )
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        asked = vectors[rng.integers(passages, size=QUESTIONS)]
        asked = asked + rng.normal(scale=0.3 / dimensions**0.5, size=asked.shape)
        small, large = _base(vectors[: passages // 100]), _base(vectors)
        begun = time.perf_counter()
        for base in (small, large):
            bases.tend(base.id)
        _print(f"index built in {time.perf_counter() - begun:.1f} s")
        sizes = bases.sizes([small, large])

        def measure(name: str, base: Any, among: int, condition: Any = None) -> None:
            def search(vector: Sequence[float]) -> dict[int, float]:
                return nearest.search([base], sizes, vector, condition)

            _print(f"{name:<28}{_figures(search, asked, vectors[:among])}")

        measure("small, exact", small, passages // 100)
        measure("large, by its index", large, passages)
        for parts in (1, 10, 50):
            condition = filters.condition({"type": "lt", "key": "part", "value": parts})
            measure(f"large, filter of {parts} %", large, passages * parts // 100, condition)


def _base(vectors: Any) -> Any:
    """A base of a hundred documents, whose attribute `part` is their number."""
    from django.db import connection

    from accounts.models import User
    from knowledge.models import KnowledgeBase

    user = User.objects.create(username=uuid.uuid4().hex)
    base = KnowledgeBase.objects.create(user=user, name="b", embedding_model="a/b")
    each = len(vectors) // 100
    with connection.cursor() as cursor:
        for part in range(100):
            document = uuid.uuid4()
            cursor.execute(_DOCUMENT, [document, base.id, f'{{"part": {part}}}', each])
            rows = vectors[part * each : (part + 1) * each].tolist()
            told = [str(row) for row in rows]
            cursor.execute(_CHUNKS, [document, base.id, base.space, told])
        cursor.execute("ANALYZE knowledge_chunk")
    return base


def _figures(
    search: Callable[[Sequence[float]], dict[int, float]], asked: Any, vectors: Any
) -> str:
    milliseconds, hits = [], 0.0
    for question in asked:
        begun = time.perf_counter()
        found = search(question.tolist())
        milliseconds.append(1000 * (time.perf_counter() - begun))
        true = np.sort(vectors @ (question / np.linalg.norm(question)))[::-1][:10]
        # By their cosines: half precision makes some equal that are not.
        hits += sum(cosine >= true[-1] - 0.001 for cosine in list(found.values())[:10])
    places = quantiles(milliseconds, n=20)
    return f"{places[9]:.1f} ms, p95 {places[18]:.1f} ms, recall@10 {hits / (10 * len(asked)):.3f}"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
