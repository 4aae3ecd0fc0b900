"""How often a question finds its own passage: by keywords, by vectors, by both.

    python -m benchmarks.retrieval FOLDER [questions of a set]

FOLDER holds question sets in the format of SQuAD (``*.json``; KorQuAD 1.0, JSQuAD, CMRC 2018 and
XQuAD are). Of each set every paragraph is a passage; of its questions so many of even number are
there for tuning and so many of odd number judge. What is measured is the search itself: PostgreSQL
brings the candidates (`rini.keyword_search`), `rini.ranking` ranks them; vectors are those of the
offline model, compared with all others. Printed are hit@1 (the own passage is the first) and R@10
(it is among ten).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean

from benchmarks.installation import installation
from rini import lexical, ranking
from rini.keyword_search import CANDIDATES, COMMON_FROM, FREQUENCIES, Candidates, KeywordIndex

MODEL = "multilingual-e5-small"
K1, B = (0.5, 0.7, 0.9, 1.2), (0.5, 0.6, 0.7, 0.8)
WEIGHTS = (0.4, 0.5, 0.6, 0.7, 0.8)
_TABLES = """
    CREATE TABLE passage (id int PRIMARY KEY, terms tsvector);
    CREATE INDEX ON passage USING gin (terms) WITH (fastupdate = off);
    CREATE TABLE common_term (lexeme text PRIMARY KEY, documents int)
"""
_INDEX = KeywordIndex("passage", "common_term")

Ranked = Mapping[int, float]
"""Passages with their scores, the best first."""


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    passage: int
    """The number of its own."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    passages: list[str]
    tuning: list[Question]
    judging: list[Question]


@dataclass(frozen=True, slots=True)
class Figures:
    hit_at_1: float
    recall_at_10: float

    def __str__(self) -> str:
        return f"{self.hit_at_1:.3f} / {self.recall_at_10:.3f}"


@dataclass(frozen=True, slots=True)
class Found:
    """What both halves found for the questions of one half of a set."""

    questions: list[Question]
    texts: int
    candidates: list[Candidates]
    vectors: list[Ranked]

    def keyword(self, k1: float = ranking.K1, b: float = ranking.B) -> list[Ranked]:
        return [
            ranking.bm25(c.found, c.frequencies, self.texts, k1=k1, b=b) for c in self.candidates
        ]

    def hybrid(self, weight: float = ranking.KEYWORD_WEIGHT) -> list[Ranked]:
        return [
            ranking.fused(keyword, vector, weight)
            for keyword, vector in zip(self.keyword(), self.vectors, strict=True)
        ]

    def figures(self, ranked: Sequence[Ranked]) -> Figures:
        places = [
            list(scores).index(question.passage) if question.passage in scores else CANDIDATES
            for question, scores in zip(self.questions, ranked, strict=True)
        ]
        return Figures(fmean(at == 0 for at in places), fmean(at < 10 for at in places))


def main(folder: str, limit: int = 300) -> None:
    with installation():
        from rini.storage.statements import execute

        for statement in _TABLES.split(";"):
            execute(statement)
        found = {
            questions.name: (
                _found(questions, questions.tuning),
                _found(questions, questions.judging),
            )
            for questions in _read(Path(folder), limit)
        }
    _report(found)


def _read(folder: Path, limit: int) -> Iterator[QuestionSet]:
    for file in sorted(folder.glob("*.json")):
        passages: dict[str, int] = {}
        asked = [
            Question(question["question"], passages.setdefault(paragraph["context"], len(passages)))
            for article in json.loads(file.read_bytes())["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
        tuning, judging = (_spread(asked[half::2], limit) for half in (0, 1))
        yield QuestionSet(file.stem, list(passages), tuning, judging)


def _spread(questions: list[Question], limit: int) -> list[Question]:
    """So many from all over the set: neighbours ask about the same passage."""
    return questions[:: max(1, len(questions) // limit)][:limit]


def _found(questions: QuestionSet, half: list[Question]) -> Found:
    from rini.storage.statements import execute

    texts = len(questions.passages)
    execute("TRUNCATE passage, common_term")
    execute(
        "INSERT INTO passage SELECT id - 1, terms::tsvector "
        "FROM unnest(%s::text[]) WITH ORDINALITY AS given (terms, id)",
        [[lexical.tsvector(passage) for passage in questions.passages]],
    )
    execute(f"INSERT INTO common_term {FREQUENCIES}", ["SELECT terms FROM passage", COMMON_FROM])
    execute("ANALYZE passage, common_term")
    candidates = [_INDEX.candidates(execute, question.text, [""], texts) for question in half]
    return Found(half, texts, candidates, _nearest(questions.passages, half))


def _nearest(passages: list[str], questions: list[Question]) -> list[Ranked]:
    """By vectors; nothing where the model cannot run."""
    import numpy as np

    from providers.offline import models, running

    if not models.available(MODEL):
        return [{} for _ in questions]
    room = running.room(MODEL)

    def cut(passage: str) -> str:
        tokens = running.offsets(MODEL, passage)
        return passage if len(tokens) <= room else passage[: tokens[room - 1][1]]

    async def vectors() -> list[list[list[float]]]:
        asked = await running.embed(MODEL, [question.text for question in questions], "query")
        stored = await running.embed(MODEL, [cut(passage) for passage in passages], "passage")
        return [asked.vectors, stored.vectors]

    asked, stored = (np.array(some, np.float32) for some in asyncio.run(vectors()))
    best: list[Ranked] = []
    for cosines in asked @ stored.T:
        places = np.argsort(-cosines, kind="stable")[:CANDIDATES]
        best.append({int(at): float(cosines[at]) for at in places})
    return best


def _report(found: Mapping[str, tuple[Found, Found]]) -> None:
    """`found` has of every set the tuning half and the judging one."""
    tuned = {name: tuning for name, (tuning, _) in found.items()}
    k1, b = max(product(K1, B), key=lambda pair: _mean(tuned, lambda half: half.keyword(*pair)))
    weight = max(WEIGHTS, key=lambda weight: _mean(tuned, lambda half: half.hybrid(weight)))
    lines = [
        f"best on the tuning questions: k1 {k1}, b {b}, keyword weight {weight}",
        f"as it is: k1 {ranking.K1}, b {ranking.B}, keyword weight {ranking.KEYWORD_WEIGHT}",
        "hit@1 / R@10        keyword        vector         hybrid         hybrid as tuned",
    ]
    for name, (_, judging) in found.items():
        ranked = judging.keyword(), judging.vectors, judging.hybrid(), judging.hybrid(weight)
        lines.append(f"{name:<20}" + "  ".join(str(judging.figures(some)) for some in ranked))
    sys.stdout.write("\n".join([*lines, ""]))


def _mean(halves: Mapping[str, Found], ranked: Callable[[Found], list[Ranked]]) -> float:
    return fmean(half.figures(ranked(half)).hit_at_1 for half in halves.values())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
