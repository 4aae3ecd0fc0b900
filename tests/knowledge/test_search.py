"""How passages are found in large bases, in several, and with what stands around them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.db import connection, transaction

from accounts.models import User as Account
from knowledge import bases, filters, keywords, nearest
from knowledge.models import Chunk, CommonTerm, Document, DocumentStatus, KnowledgeBase
from rini import lexical
from rini.storage.statements import execute
from tests.conftest import User
from tests.knowledge.test_knowledge_bases import add, new_base, search, work

ROWS, DIMENSIONS = 3000, 24


def of(user: User) -> KnowledgeBase:
    account = Account.objects.get(id=user.user_id)
    return KnowledgeBase.objects.create(user=account, name="벡터", embedding_model="a/b")


def fill(base: KnowledgeBase, vectors: Any, texts: list[str] | None = None) -> None:
    """A document a vector, each with an attribute of its number."""
    documents = Document.objects.bulk_create(
        Document(
            base=base,
            name=f"{number}",
            attributes={"number": number},
            file=f"documents/{uuid4().hex}.bin",
            size=1,
            content_hash="",
            chunk_count=1,
            status=DocumentStatus.READY,
        )
        for number in range(len(vectors))
    )
    Chunk.objects.bulk_create(
        Chunk(
            document=document,
            base=base,
            space=base.space,
            attempt=0,
            live=True,
            ordinal=0,
            content=texts[number] if texts else "",
            start=0,
            end=1,
            content_hash="",
            embedding=vectors[number].tolist(),
            terms=keywords.tsvector(base.id, texts[number] if texts else ""),
        )
        for number, document in enumerate(documents)
    )


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "EXACT", 500)


@pytest.fixture
def large(alice: User, small_limit: None) -> Iterator[tuple[KnowledgeBase, Any]]:
    """A base beyond the limit, with its index, and its vectors."""
    base = of(alice)
    vectors = np.random.default_rng(14).normal(size=(ROWS, DIMENSIONS))
    fill(base, vectors)
    bases.tend(base.id)
    yield base, vectors
    KnowledgeBase.objects.all().delete()
    nearest.drop_unused()


def index_names() -> set[str]:
    rows = execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'chunk_near_%'")
    return {name for (name,) in rows}


def numbers(found: dict[int, float]) -> list[int]:
    stored = Chunk.objects.select_related("document").in_bulk(list(found))
    return [int(stored[key].document.name) for key in found]


def recall(base: KnowledgeBase, vectors: Any, among: Any, condition: Any = None) -> float:
    """How many of the true ten nearest a search finds, on the average of twenty questions."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    questions = np.random.default_rng(15).normal(size=(20, DIMENSIONS))
    hits = 0
    for question in questions:
        order = [number for number in np.argsort(-(unit @ question)) if among[number]][:10]
        found = nearest.search([base], {base.id: ROWS}, question.tolist(), condition)
        assert list(found.values()) == sorted(found.values(), reverse=True)
        hits += len({*order} & {*numbers(found)[:10]})
    return hits / 200


def scans(base: KnowledgeBase) -> int:
    [(count,)] = execute(
        "SELECT pg_stat_get_xact_numscans(%s::regclass)", [f"chunk_near_{base.space.hex}"]
    )
    return int(count)


def test_a_large_base_is_searched_by_an_index_of_its_own(
    large: tuple[KnowledgeBase, Any],
) -> None:
    base, vectors = large
    assert index_names() == {f"chunk_near_{base.space.hex}"}
    with transaction.atomic():
        nearest.search([base], {base.id: ROWS}, vectors[0].tolist(), None)
        assert scans(base) == 1
    assert recall(base, vectors, np.ones(ROWS)) >= 0.97


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_filter_loses_none_of_the_nearest(large: tuple[KnowledgeBase, Any], share: float) -> None:
    base, vectors = large
    kept = int(share * ROWS)
    condition = filters.condition({"type": "lt", "key": "number", "value": kept})
    assert recall(base, vectors, np.arange(ROWS) < kept, condition) >= 0.97


def test_a_filter_that_leaves_only_what_is_far_away_still_finds_it(
    large: tuple[KnowledgeBase, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, vectors = large
    monkeypatch.setattr(nearest, "EXACT", 50)  # so that the index is asked first
    monkeypatch.setattr(nearest, "_THOROUGHLY", nearest._THOROUGHLY.replace("'20000'", "'200'"))
    question = vectors[0] / np.linalg.norm(vectors[0])
    cosines = (vectors @ question) / np.linalg.norm(vectors, axis=1)
    far = [int(number) for number in np.argsort(cosines)[:120]]
    condition = filters.condition({"type": "in", "key": "number", "value": far})
    found = nearest.search([base], {base.id: ROWS}, question.tolist(), condition)
    nearer = sorted(far, key=lambda number: -cosines[number])[:100]
    assert len({*numbers(found)} & {*nearer}) >= 99  # but for what half precision makes equal


def test_small_and_large_bases_are_searched_together(
    large: tuple[KnowledgeBase, Any], alice: User
) -> None:
    base, vectors = large
    other = of(alice)
    fill(other, vectors[:3])
    sizes = bases.sizes([base, other])
    assert sizes == {base.id: ROWS, other.id: 3}
    found = nearest.search([base, other], sizes, vectors[1].tolist(), None)
    [first, second, *_] = list(found)
    whose = Chunk.objects.in_bulk([first, second])
    assert {whose[first].base_id, whose[second].base_id} == {base.id, other.id}


def test_an_index_goes_with_its_base(large: tuple[KnowledgeBase, Any], alice: User) -> None:
    base, _ = large
    assert nearest.drop_unused() == 0
    bases.delete(base)
    assert nearest.drop_unused() == 1
    assert index_names() == set()


def test_an_index_that_a_dead_worker_left_half_built_is_built_again(
    large: tuple[KnowledgeBase, Any],
) -> None:
    base, vectors = large
    name = f"chunk_near_{base.space.hex}"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name]
        )
    with transaction.atomic():
        nearest.search([base], {base.id: ROWS}, vectors[0].tolist(), None)
        assert scans(base) == 0
    bases.tend(base.id)
    with transaction.atomic():
        nearest.search([base], {base.id: ROWS}, vectors[0].tolist(), None)
        assert scans(base) == 1


TEXTS = [f"회의록 {number}: 예산과 日程 and budget" for number in range(120)]


def test_common_terms_are_counted_as_a_base_grows(alice: User, bob: User) -> None:
    base, other = of(alice), of(bob)
    fill(base, np.ones((len(TEXTS), 2)), TEXTS)
    fill(other, np.ones((len(TEXTS), 2)), TEXTS)
    asked = "예산 budget 77"
    before = keywords.search({base.id: len(TEXTS)}, asked, None)
    for one in (base, other):
        bases.tend(one.id)
    common = dict(CommonTerm.objects.filter(base=base).values_list("lexeme", "documents"))
    assert common[f"{keywords.scope(base.id)}예산"] == len(TEXTS)
    assert not any("77" in lexeme for lexeme in common)
    assert keywords.search({base.id: len(TEXTS)}, asked, None) == before
    best = next(iter(before[0]))
    assert Chunk.objects.get(id=best).content == TEXTS[77]
    assert Chunk.objects.get(id=best).base_id == base.id
    stamp = CommonTerm.objects.filter(base=base).count()
    Chunk.objects.filter(base=base).delete()
    bases.tend(base.id)  # as many documents as before: nothing is counted
    assert CommonTerm.objects.filter(base=base).count() == stamp
    Document.objects.filter(base=base).delete()
    bases.tend(base.id)
    assert not CommonTerm.objects.filter(base=base).exists()
    assert CommonTerm.objects.filter(base=other).exists()


def test_the_rare_term_decides_among_very_many_passages(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    for number in range(8):
        text = "\n\n".join(f"## {number}.{part}\n\n서울 지하철 안내문입니다." for part in range(30))
        add(alice, base, f"{number}.md", text)
    add(alice, base, "부산.md", "부산 지하철 안내문입니다.")
    work()
    bases.tend(UUID(base))
    assert search(alice, base, "부산 지하철 안내문")[0]["document_name"] == "부산.md"


def test_terms_that_were_stored_without_the_scope_of_their_base_get_it(alice: User) -> None:
    base = of(alice)
    texts = ["서울 v2.10.3 C++ 北京 don't", ""]
    fill(base, np.ones((2, 2)), texts)
    with_scope = list(Chunk.objects.order_by("id").values_list("terms", flat=True))
    for chunk, text in zip(Chunk.objects.order_by("id"), texts, strict=True):
        execute(
            "UPDATE knowledge_chunk SET terms = %s::tsvector WHERE id = %s",
            [lexical.tsvector(text), chunk.pk],
        )
    migration = import_module("knowledge.migrations.0002_common_terms")
    execute(migration._SCOPED)
    assert list(Chunk.objects.order_by("id").values_list("terms", flat=True)) == with_scope


RULES = """# 취업규칙

## 연차

첫째 문단은 연차의 일수를 정한다. 일 년에 십오 일이다. 이 문단은 길지 않다.

둘째 문단은 신청하는 방법을 정한다. 인사팀에 사흘 전까지 서면으로 신청한다.

셋째 문단은 이월을 정한다. 남은 날은 이듬해 삼월까지 쓸 수 있으며 그 뒤에는 없어진다.

## 출장

출장비는 영수증을 내면 정산한다. 연차와는 상관이 없다.
"""


def test_a_passage_comes_with_as_much_of_its_section_as_is_asked_for(alice: User) -> None:
    base = new_base(alice, embedding_model="", chunk_size=32, chunk_overlap=0)
    document = add(alice, base, "규칙.md", RULES)
    work()
    text = alice.get(f"/documents/{document}/text").json()["text"]
    [alone, *_] = search(alice, base, "인사팀 서면 신청")
    assert "인사팀" in alone["content"]
    assert "남은 날" not in alone["content"]
    [whole, *others] = search(alice, base, "인사팀 서면 신청", expand=4000)
    assert whole["content"] == text[whole["start"] : whole["end"]]
    assert "첫째" in whole["content"]
    assert "남은 날" in whole["content"]
    assert "출장비" not in whole["content"]
    assert all(other["start"] >= whole["end"] for other in others)  # nothing is told twice
    [little, *_] = search(alice, base, "인사팀 서면 신청", expand=1)
    assert little["content"] == alone["content"]


def test_a_search_of_bases_of_which_one_is_not_there_finds_nothing(alice: User) -> None:
    body = {"query": "서울", "knowledge_base_ids": [new_base(alice), str(uuid4())]}
    assert alice.post("/knowledge/search", json=body).status_code == 404
