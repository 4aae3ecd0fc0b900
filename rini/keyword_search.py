"""Finding the texts that `rini.ranking` should rank, among very many, by a GIN index. Pure: SQL.

Ranking every text that has any term of a question reads nearly all of them: in Korean, Chinese and
Japanese almost every text shares a syllable with every question. So the question's rarest terms are
looked up first, until `budget` places in texts have been read; every text so found counts the
weights (idf) of its terms, and the hundred that weigh most are the candidates. Only these are read,
and returned with what BM25 needs. Term by term PostgreSQL reads its index and no stored vector,
which `ts_rank` over all that match would: on 20,000 Korean passages 20 ms instead of 960. Of the
ten best by BM25 over all passages the candidates hold 99.7 % or more, `ts_rank`'s hundred 89 %.

What the table must have:

- `id`, and `terms`: a ``tsvector`` of `rini.lexical.tsvector` with the scope of a knowledge base
  (of a user) before every term, so that one index holds all bases and a search reads only its own
- ``USING gin (terms) WITH (fastupdate = off)``, or `gin_clean_pending_list` after each document:
  every term looked up would read the whole list of pending entries (100 times slower)

How many texts a term stands in is known only of common terms: the table of frequencies (`lexeme`
with its scope, `documents`) is written anew now and then (`FREQUENCIES`), when a scope has grown by
a tenth, say. A term that is not there is rare, and counted while it is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rini.lexical import terms
from rini.ranking import Counted

BUDGET = 20_000
CANDIDATES = 100
COMMON_FROM = 50  # texts: below it counting a term costs less than remembering its frequency
_WITHOUT_END = 2**31 - 1
_MAX_TERMS = 200  # of a question: a pasted page is not looked up word by word

_CANDIDATES = """
    WITH asked AS MATERIALIZED (
        SELECT lexeme, documents, ('''' || lexeme || '''')::tsquery AS query,
            coalesce(sum(coalesce(documents, 0)) OVER (
                ORDER BY documents NULLS FIRST, lexeme
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS read_before
        FROM unnest(%s::text[]) AS lexeme LEFT JOIN {frequencies} USING (lexeme)
    ), places AS MATERIALIZED (
        SELECT asked.lexeme, asked.documents, place.id
        FROM asked CROSS JOIN LATERAL (
            SELECT texts.id FROM {table} texts WHERE texts.terms @@ asked.query AND ({condition})
            LIMIT %s
        ) place
        WHERE asked.read_before < %s
    ), counted AS MATERIALIZED (
        SELECT lexeme, coalesce(asked.documents, count(places.id)) AS documents,
            asked.read_before < %s AS read
        FROM asked LEFT JOIN places USING (lexeme)
        GROUP BY lexeme, asked.documents, asked.read_before
    ), weighed AS MATERIALIZED (
        SELECT lexeme,
            ln(1 + greatest(0, %s - documents + 0.5::float8) / (documents + 0.5::float8)) AS weight
        FROM counted
    ), best AS (
        SELECT id FROM places JOIN weighed USING (lexeme)
        GROUP BY id
        ORDER BY sum(weight) DESC, id
        LIMIT %s
    )
    SELECT NULL, count(*) FILTER (WHERE NOT read), array_agg(lexeme), array_agg(documents)
    FROM counted
    UNION ALL
    SELECT texts.id, length(texts.terms), array_agg(lexeme), array_agg(cardinality(positions))
    FROM best JOIN {table} texts USING (id)
    CROSS JOIN LATERAL unnest(texts.terms) JOIN asked USING (lexeme)
    GROUP BY texts.id
"""


FREQUENCIES = """
    SELECT word, ndoc FROM ts_stat(%s) WHERE ndoc >= %s
"""
"""The common terms with their frequencies, of the texts that a query (the first parameter, a
string, with literals in it) selects the `terms` of; from `COMMON_FROM` texts on. 1.4 s for 20,000
passages."""

Execute = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What `bm25` ranks."""

    found: dict[Any, Counted]
    """The texts by their ids."""
    frequencies: dict[str, int]
    """Every term of the question, with the number of texts that it stands in."""


@dataclass(frozen=True, slots=True)
class KeywordIndex:
    """A table of texts and the table of their common terms; names from code, never from users."""

    table: str
    frequencies: str

    def candidates(
        self,
        execute: Execute,
        question: str,
        scopes: Sequence[str],
        texts: int,
        *,
        condition: str = "true",
        parameters: Sequence[Any] = (),
        budget: int = BUDGET,
        limit: int = CANDIDATES,
    ) -> Candidates:
        """The texts within `scopes` (`texts` in all) that have most of a question's weight.

        `condition` is SQL about the row ``texts``. Where few fulfil it, the rare terms may bring
        less than `limit` texts; then all terms are looked up.
        """
        names = {scope + term: term for scope in scopes for term in asked_terms(question)}
        statement = _CANDIDATES.format(
            table=self.table, frequencies=self.frequencies, condition=condition
        )

        def look_up(budget: int) -> tuple[int, Candidates]:
            lexemes = list(names)
            values = (lexemes, *parameters, budget, budget, budget, texts, limit)
            return _read(execute(statement, values), names)

        left_out, candidates = look_up(max(budget, limit))
        if left_out and len(candidates.found) < limit:
            _, candidates = look_up(_WITHOUT_END)
        return candidates


def asked_terms(question: str) -> list[str]:
    """The different terms of a question that are looked up."""
    return list(dict.fromkeys(terms(question)))[:_MAX_TERMS]


def _read(rows: list[tuple[Any, ...]], names: dict[str, str]) -> tuple[int, Candidates]:
    """How many terms were not looked up, and what the others found."""
    left_out, frequencies, found = 0, dict.fromkeys(names.values(), 0), {}
    for key, number, lexemes, counts in rows:
        if key is None:
            left_out = number
            for lexeme, count in zip(lexemes or (), counts or (), strict=True):
                frequencies[names[lexeme]] += count
        else:
            counted = {names[lexeme]: n for lexeme, n in zip(lexemes, counts, strict=True)}
            found[key] = Counted(number, counted)
    return left_out, Candidates(found, frequencies)
