"""Passages with what stands around them: as much of their section as a number of tokens allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge.models import Chunk
from providers import token_counts
from rini.storage.statements import execute

MAX_TOKENS = 4000
_SMALLEST = 32  # tokens of a passage: it has no more neighbours within a limit than fit by this

_AROUND = """
    SELECT found.id, near.ordinal, near.start, near.end, near.content
    FROM knowledge_chunk found JOIN knowledge_chunk near
        ON near.document_id = found.document_id AND near.attempt = found.attempt AND near.live
        AND near.headings = found.headings
        AND near.ordinal BETWEEN found.ordinal - %s AND found.ordinal + %s
    WHERE found.id = ANY(%s)
"""
_TEXTS = """
    SELECT span.id, substr(document.text, span.start + 1, span.end - span.start)
    FROM unnest(%s::bigint[], %s::uuid[], %s::int[], %s::int[])
        AS span (id, document_id, start, "end")
    JOIN knowledge_document document ON document.id = span.document_id
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a document's text."""

    start: int
    end: int
    content: str


def sections(chunks: Sequence[Chunk], tokens: int) -> dict[int, Span]:
    """For each passage, by its id, its section as far as it fits, the passage always.

    `chunks` are the best first: those that stand in what a better one has been given are left out.
    """
    near = _around(chunks, tokens)
    grown: dict[int, tuple[int, int]] = {}
    given: dict[Any, list[tuple[int, int]]] = {}
    for chunk in chunks:
        spans = given.setdefault(chunk.document_id, [])
        if not any(start <= chunk.start and chunk.end <= end for start, end in spans):
            grown[chunk.pk] = _grown(chunk, near.get(chunk.pk, {}), tokens)
            spans.append(grown[chunk.pk])
    return _texts([chunk for chunk in chunks if chunk.pk in grown], grown)


def _around(chunks: Iterable[Chunk], tokens: int) -> dict[int, dict[int, Span]]:
    """The passages of the same section around each, by their places in the document."""
    reach = max(1, tokens // _SMALLEST)
    found: dict[int, dict[int, Span]] = {}
    rows = execute(_AROUND, [reach, reach, [chunk.pk for chunk in chunks]])
    for key, ordinal, start, end, content in rows:
        found.setdefault(key, {})[ordinal] = Span(start, end, content)
    return found


def _grown(chunk: Chunk, near: Mapping[int, Span], tokens: int) -> tuple[int, int]:
    """The span of a passage and its neighbours, which are taken after and before it in turn."""
    start, end = chunk.start, chunk.end
    left = tokens - token_counts.count(chunk.content)
    places = {+1: chunk.ordinal, -1: chunk.ordinal}
    while places:
        for step in list(places):
            places[step] += step
            beside = near.get(places[step])
            if beside is None or (cost := token_counts.count(beside.content)) > left:
                del places[step]
                continue
            left -= cost
            start, end = min(start, beside.start), max(end, beside.end)
    return start, end


def _texts(chunks: Sequence[Chunk], spans: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
    ids = [chunk.pk for chunk in chunks]
    starts, ends = ([spans[key][side] for key in ids] for side in (0, 1))
    rows = dict(execute(_TEXTS, [ids, [chunk.document_id for chunk in chunks], starts, ends]))
    return {key: Span(*spans[key], rows[key]) for key in ids if key in rows}
