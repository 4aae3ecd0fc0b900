"""What recall searches: entries and messages by their terms, behind the scope of their user.

Storing and asking go through `rini.keyword_search`, as knowledge does: any term matches, the rarest
bring the candidates, BM25 ranks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from memory.models import CommonTerm, Memory, Trace, Vocabulary
from rini import lexical, ranking
from rini.keyword_search import COMMON_FROM, FREQUENCIES, KeywordIndex
from rini.storage.statements import execute

_FEWEST = 2
BUDGET = 8_000
"""Places in texts that a recall reads: fewer than a search of documents, as every turn does it."""
_INDEX = KeywordIndex("memory_trace", "memory_commonterm")
_TOLD = """texts.memory_id IS NULL OR EXISTS (
    SELECT FROM memory_memory memory WHERE memory.id = texts.memory_id
        AND memory.status = 'active' AND (memory.scope = 'Shared' OR memory.session_id = %s)
        AND (memory.expires_at IS NULL OR memory.expires_at > now())
)"""
_ANY = "texts.memory_id IS NOT NULL"
_COMMON = f"""
    INSERT INTO memory_commonterm (user_id, lexeme, documents)
    SELECT %s, common.* FROM ({FREQUENCIES}) AS common
"""  # noqa: S608  # a constant
_MESSAGES = """
    INSERT INTO memory_trace (user_id, message_id, session_id, said_at, terms)
    SELECT %s, said.id, said.session_id, said.at, said.terms::tsvector
    FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[])
        AS said (id, session_id, at, terms)
    ON CONFLICT (message_id) DO NOTHING
    RETURNING id
"""
_ENTRY = """
    INSERT INTO memory_trace (user_id, memory_id, session_id, said_at, terms)
    VALUES (%s, %s, %s, %s, %s::tsvector)
    ON CONFLICT (memory_id) DO UPDATE SET terms = excluded.terms, session_id = excluded.session_id
"""


@dataclass(frozen=True, slots=True)
class Said:
    """A message to be found again."""

    message_id: int
    session_id: UUID
    at: datetime
    content: str


@dataclass(frozen=True, slots=True)
class Found:
    """A trace that has terms of a question: of an entry or of a message. `score` is its BM25."""

    memory_id: int | None
    message_id: int | None
    score: float
    share: float
    """The score as a part of the highest that the question can have, by its words that the user
    has ever used, from 0 to 1."""
    fits: bool
    """It has several of the question's terms: one alone says nothing, above all where a term is a
    syllable."""


def scope(user_id: UUID) -> str:
    """What stands before every term of a user."""
    return f"{user_id.hex[:12]}."


def index_entry(memory: Memory) -> None:
    """Make an entry findable by what it says now and its keywords."""
    text = "\n".join((memory.content, *memory.keywords))
    terms = lexical.tsvector(text, scope(memory.user_id))
    values = [memory.user_id, memory.pk, memory.session_id, memory.timestamp, terms]
    is_new = not Trace.objects.filter(memory=memory).exists()
    execute(_ENTRY, values)
    if is_new:
        _grown(memory.user_id, 1)


def index_messages(user_id: UUID, said: Iterable[Said]) -> int:
    """Make messages of a user findable; how many were not yet. (One without words is noted too.)"""
    rows = [
        (one.message_id, one.session_id, one.at, lexical.tsvector(one.content, scope(user_id)))
        for one in said
    ]
    if not rows:
        return 0
    new = execute(_MESSAGES, [user_id, *(list(column) for column in zip(*rows, strict=True))])
    if new:
        _grown(user_id, len(new))
    return len(new)


def search(user_id: UUID, session_id: UUID | None, question: str) -> list[Found]:
    """What of a user's entries, as far as a session is told them, and messages has most of a
    question's weight, the best first."""
    return _found(user_id, question, _TOLD, [session_id])


def entries(user_id: UUID, question: str) -> list[int]:
    """The entries of a user, in any state, that have terms of a question, the best first."""
    return [one.memory_id for one in _found(user_id, question, _ANY, []) if one.memory_id]


def _found(user_id: UUID, question: str, condition: str, parameters: Sequence[Any]) -> list[Found]:
    sizes = Vocabulary.objects.filter(user_id=user_id).values_list("traces", flat=True)
    texts = next(iter(sizes), 0)
    if not texts:
        return []
    candidates = _INDEX.candidates(
        execute,
        question,
        [scope(user_id)],
        texts,
        condition=f"texts.user_id = %s AND ({condition})",
        parameters=[user_id, *parameters],
        budget=BUDGET,
    )
    scores = ranking.bm25(candidates.found, candidates.frequencies, texts)
    known = {term: count for term, count in candidates.frequencies.items() if count}
    wanted = len(candidates.frequencies)
    whose = Trace.objects.filter(id__in=scores).values_list("id", "memory_id", "message_id")
    rows = {key: (memory_id, message_id) for key, memory_id, message_id in whose}
    return [
        Found(
            *rows[key],
            score,
            ranking.keyword_share(score, known, texts),
            fits=len(candidates.found[key].counts) >= min(_FEWEST, wanted),
        )
        for key, score in scores.items()
        if key in rows
    ]


def recount(user_id: UUID) -> None:
    """Write down anew which terms of a user are common, if there are more traces by a tenth."""
    size = Vocabulary.objects.filter(user_id=user_id).first()
    if size is None or abs(size.traces - size.counted) * 10 <= size.counted:
        return
    texts = f"SELECT terms FROM memory_trace WHERE user_id = '{user_id}'"  # noqa: S608
    with transaction.atomic():
        locked = Vocabulary.objects.select_for_update(no_key=True).filter(user_id=user_id)
        if not locked.exists():
            return
        CommonTerm.objects.filter(user_id=user_id).delete()
        execute(_COMMON, [user_id, texts, COMMON_FROM])
        traces = Trace.objects.filter(user_id=user_id).count()
        locked.update(traces=traces, counted=traces)


def _grown(user_id: UUID, by: int) -> None:
    if not Vocabulary.objects.filter(user_id=user_id).update(traces=F("traces") + by):
        row, made = Vocabulary.objects.get_or_create(user_id=user_id, defaults={"traces": by})
        if not made:
            Vocabulary.objects.filter(pk=row.pk).update(traces=F("traces") + by)
