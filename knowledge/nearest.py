"""The vectors' half of a search: which passages are nearest to a question.

A small base is compared passage by passage, which is exact. One of more than `EXACT` passages gets
an HNSW index of its own; a filter that leaves few passages is answered exactly there too, as
an index walks past what the filter takes out, and gives up before it has found enough.

The index is made by `build`, in the background, and taken away by `drop_unused`. Until it is there
the base is searched exactly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from django.db import transaction

from knowledge.filters import Condition
from knowledge.models import KnowledgeBase
from rini.storage.statements import execute, execute_once

EXACT = 10_000
"""Passages that are compared one by one, in some 15 ms of 384 dimensions."""
CANDIDATES = 100
_MAX_DIMENSIONS = 4000  # of pgvector's indexes on `halfvec`
_PREFIX = "chunk_near_"

_FROM = """
    FROM knowledge_chunk chunk JOIN knowledge_document document ON document.id = chunk.document_id
    WHERE chunk.live AND chunk.embedding IS NOT NULL AND ({condition})
"""
_EXACT = f"""
    SELECT chunk.id, 1 - (chunk.embedding <=> %s::halfvec) {_FROM} AND chunk.space = ANY(%s)
    ORDER BY chunk.embedding <=> %s::halfvec, chunk.id LIMIT {CANDIDATES}
"""
# The space stands in the statement: PostgreSQL takes a partial index only for what it can read.
_BY_INDEX = f"""
    SELECT chunk.id, 1 - (chunk.embedding::halfvec({{dimensions}}) <=> %s::halfvec)
    {_FROM} AND chunk.space = '{{space}}'
    ORDER BY chunk.embedding::halfvec({{dimensions}}) <=> %s::halfvec LIMIT {CANDIDATES}
"""
_THOROUGHLY = """
    SELECT set_config('hnsw.ef_search', '200', true),
        set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.max_scan_tuples', '20000', true),
        set_config('enable_sort', 'off', true)
"""
_FULFILLING = """
    SELECT coalesce(sum(document.chunk_count), 0) FROM knowledge_document document
    WHERE document.base_id = %s AND ({condition})
"""
_INDEXES = """
    SELECT class.relname, index.indisvalid, EXISTS (
        SELECT FROM pg_stat_progress_create_index WHERE index_relid = class.oid
    )
    FROM pg_index index JOIN pg_class class ON class.oid = index.indexrelid
    WHERE index.indrelid = 'knowledge_chunk'::regclass AND starts_with(class.relname, %s)
"""
_DIMENSIONS = """
    SELECT vector_dims(embedding) FROM knowledge_chunk
    WHERE space = %s AND embedding IS NOT NULL LIMIT 1
"""
_BUILD = """
    CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON knowledge_chunk
    USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WHERE space = '{space}'
"""


def search(
    bases: Iterable[KnowledgeBase],
    sizes: Mapping[UUID, int],
    vector: Sequence[float],
    condition: Condition | None,
) -> dict[int, float]:
    """The passages nearest to `vector`, by their ids, with their cosines, the nearest first.

    `sizes` are the passages of each base.
    """
    spaces = {base.space: base.id for base in bases}
    large = _by_index(spaces, sizes, condition)
    found: list[tuple[int, float]] = []
    exact = [space for space in spaces if space not in large]
    for space in large:
        rows = _approximate(space, vector, condition)
        if len(rows) < CANDIDATES:  # the filter has taken out nearly all that is near
            exact.append(space)
        else:
            found += rows
    if exact:
        told, (sql_, values) = str(list(vector)), condition or ("true", [])
        found += execute_once(_EXACT.format(condition=sql_), [told, *values, exact, told])
    best = sorted(found, key=lambda row: (-row[1], row[0]))[:CANDIDATES]
    return {key: float(cosine) for key, cosine in best}


def build(base: KnowledgeBase, passages: int) -> None:
    """Give a large base its index, if it has none. Not within a transaction."""
    if passages <= EXACT:
        return
    states = {name: (valid, growing) for name, valid, growing in execute(_INDEXES, [_PREFIX])}
    valid, growing = states.get(_name(base.space), (False, False))
    if valid or growing:
        return
    [(dimensions,)] = execute(_DIMENSIONS, [base.space]) or [(None,)]
    if dimensions is None or dimensions > _MAX_DIMENSIONS:
        return
    _drop([_name(base.space)])  # one that a dead worker has left half built
    made = _BUILD.format(name=_name(base.space), dimensions=dimensions, space=base.space)
    execute_once(made)


def drop_unused() -> int:
    """Take away the indexes of bases that are gone, or small again; how many. Not within a
    transaction."""
    named = {name for name, _, growing in execute(_INDEXES, [_PREFIX]) if not growing}
    used = {_name(space) for space in KnowledgeBase.objects.values_list("space", flat=True)}
    unused = named - used
    _drop(unused)
    return len(unused)


def _by_index(
    spaces: Mapping[UUID, UUID], sizes: Mapping[UUID, int], condition: Condition | None
) -> list[UUID]:
    """The spaces that are searched by their index."""
    large = {space: base_id for space, base_id in spaces.items() if sizes[base_id] > EXACT}
    if not large:
        return []
    ready = {name for name, valid, _ in execute(_INDEXES, [_PREFIX]) if valid}
    return [
        space
        for space, base_id in large.items()
        if _name(space) in ready and (not condition or _fulfilling(base_id, condition) > EXACT)
    ]


def _fulfilling(base_id: UUID, condition: Condition) -> int:
    """How many passages a filter leaves of a base."""
    sql_, values = condition
    [(count,)] = execute_once(_FULFILLING.format(condition=sql_), [base_id, *values])
    return int(count)


def _approximate(
    space: UUID, vector: Sequence[float], condition: Condition | None
) -> list[tuple[int, float]]:
    told, (sql_, values) = str(list(vector)), condition or ("true", [])
    statement = _BY_INDEX.format(condition=sql_, dimensions=len(vector), space=space)
    with transaction.atomic():
        execute(_THOROUGHLY)
        return [
            (key, float(cosine)) for key, cosine in execute_once(statement, [told, *values, told])
        ]


def _drop(names: Collection[str]) -> None:
    for name in names:
        execute_once(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _name(space: UUID) -> str:
    return f"{_PREFIX}{space.hex}"
