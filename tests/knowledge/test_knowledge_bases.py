"""Documents through the API: stored, read in the background, found, and gone again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from billing.models import UsageRecord
from knowledge import ingestion, queue
from knowledge.models import Chunk, Document
from tests.conftest import User

PASSAGES = {
    "휴가.md": "# 취업규칙\n\n## 연차\n\n연차 휴가는 일 년에 십오 일입니다. 신청은 인사팀에.",
    "料金.md": "# 料金表\n\n## 電車\n\n東京から大阪までの新幹線の料金は一万四千円です。",
    "熊猫.md": "# 动物\n\n## 大熊猫\n\n大熊猫每天要吃十几公斤的竹子。",
    "engine.md": "# Manual\n\n## Engine\n\nThe diesel engine needs new oil every 20,000 miles.",
}
QUESTIONS = {
    "연차는 며칠인가요?": "휴가.md",
    "新幹線の料金": "料金.md",
    "熊猫吃什么竹子": "熊猫.md",
    "engine oil": "engine.md",
}


def new_base(user: User, **body: Any) -> str:
    answer = user.post("/knowledge-bases/", json={"name": "지식", **body})
    assert answer.status_code == 201, answer.text
    base_id: str = answer.json()["id"]
    return base_id


def add(user: User, base: str, name: str, text: str, **body: Any) -> str:
    answer = user.post(
        f"/knowledge-bases/{base}/documents/", json={"name": name, "text": text, **body}
    )
    assert answer.status_code == 202, answer.text
    document_id: str = answer.json()["id"]
    return document_id


def work() -> None:
    while ingestion.ingest_next():
        pass


def shown(user: User, document: str) -> dict[str, Any]:
    told: dict[str, Any] = user.get(f"/documents/{document}").json()
    return told


def search(user: User, base: str, query: str, **body: Any) -> list[dict[str, Any]]:
    answer = user.post(f"/knowledge-bases/{base}/search", json={"query": query, **body})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


@pytest.fixture
def filled(alice: User) -> str:
    """A base of alice's with a document in each of four languages, all ready."""
    base = new_base(alice)
    for number, (name, text) in enumerate(PASSAGES.items()):
        add(alice, base, name, text, attributes={"number": number, "name": name})
    work()
    return base


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_a_question_finds_its_passage_in_every_language(
    alice: User, filled: str, mode: str
) -> None:
    for question, name in QUESTIONS.items():
        results = search(alice, filled, question, mode=mode)
        assert results[0]["document_name"] == name
        scores = [result["score"] for result in results]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)


def test_a_question_in_one_language_finds_a_passage_in_another(alice: User, filled: str) -> None:
    results = search(alice, filled, "How many days of annual leave do I get?", mode="vector")
    assert results[0]["document_name"] == "휴가.md"


def test_a_passage_says_where_it_stands(alice: User, filled: str) -> None:
    [best, *_] = search(alice, filled, "연차 휴가")
    text = alice.get(f"/documents/{best['document_id']}/text").json()["text"]
    assert text[best["start"] : best["end"]] == best["content"]
    assert "연차" in best["content"]
    chunks = alice.get(f"/documents/{best['document_id']}/chunks/").json()
    assert [chunk["chunk_id"] for chunk in chunks] == [best["chunk_id"]]


def test_what_is_embedded_is_on_the_owners_bill(alice: User, filled: str) -> None:
    rows = UsageRecord.objects.filter(user_id=alice.user_id)
    assert {row.purpose for row in rows} == {"embedding"}
    assert rows.count() == len(PASSAGES)


def test_filters_leave_only_what_fulfils_them(alice: User, filled: str) -> None:
    def found(**filter_: Any) -> set[str]:
        results = search(alice, filled, "연차 新幹線 熊猫 engine", filters=filter_, top_k=10)
        return {result["document_name"] for result in results}

    names = list(PASSAGES)
    assert found(type="eq", key="number", value=2) == {names[2]}
    assert found(type="ne", key="number", value=2) == {*names} - {names[2]}
    assert found(type="gte", key="number", value=2) == set(names[2:])
    assert found(type="lt", key="number", value=1.5) == set(names[:2])
    assert found(type="in", key="name", value=names[:2]) == set(names[:2])
    assert found(type="nin", key="name", value=names[:2]) == set(names[2:])
    either = [
        {"type": "eq", "key": "number", "value": 0},
        {"type": "gt", "key": "name", "value": "a"},
    ]
    assert names[0] in found(type="or", filters=either)
    assert found(type="and", filters=[*either, {"type": "eq", "key": "x", "value": 1}]) == set()
    assert found(type="eq", key="'; DROP TABLE x; --", value="%s") == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "like", "key": "a", "value": "b"},
        {"type": "eq", "value": 1},
        {"type": "in", "key": "a", "value": 1},
        {"type": "gt", "key": "a", "value": None},
        {"type": "and", "filters": []},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(alice: User, filled: str, wrong: Any) -> None:
    body = {"query": "연차", "filters": wrong}
    answer = alice.post(f"/knowledge-bases/{filled}/search", json=body)
    assert answer.status_code == 400
    assert "filters" in answer.json()["errors"]


def test_without_an_embedding_model_a_base_is_searched_by_keywords(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    add(alice, base, "휴가.md", PASSAGES["휴가.md"])
    work()
    answer = alice.post(f"/knowledge-bases/{base}/search", json={"query": "연차"}).json()
    assert answer["mode"] == "keyword"
    assert answer["results"][0]["scores"]["vector"] is None
    refused = alice.post(
        f"/knowledge-bases/{base}/search", json={"query": "연차", "mode": "vector"}
    )
    assert refused.status_code == 400
    assert "no embedding model" in refused.json()["errors"]["mode"][0]


def test_several_bases_are_searched_at_once(alice: User, filled: str) -> None:
    other = new_base(alice)
    add(alice, other, "서울.md", "서울의 지하철은 아홉 개의 노선이 있습니다.")
    work()
    body = {"query": "서울 지하철 노선", "knowledge_base_ids": [filled, other]}
    results = alice.post("/knowledge/search", json=body).json()["results"]
    assert results[0]["knowledge_base_id"] == other
    assert filled in {result["knowledge_base_id"] for result in results}


def test_an_uploaded_file_is_read_and_given_back(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    data = "<h1>여행</h1><p>경주에는 첨성대가 있습니다.</p>".encode("cp949")
    answer = alice.post(
        f"/knowledge-bases/{base}/documents/",
        files={"file": ("경주.html", data)},
        data={"external_id": "gyeongju", "attributes": '{"도시": "경주"}'},
    )
    assert answer.status_code == 202, answer.text
    work()
    document = shown(alice, answer.json()["id"])
    assert (document["status"], document["file_type"], document["name"]) == (
        *("ready", "html"),
        "경주.html",
    )
    assert document["attributes"] == {"도시": "경주"}
    assert alice.get(f"/documents/{document['id']}/file").content == data
    assert search(alice, base, "첨성대")


@pytest.mark.parametrize("data", [b"", b"\x00" * 5000, b"%PDF-1.7\nbroken"])
def test_a_bad_document_fails_with_a_reason(alice: User, data: bytes) -> None:
    base = new_base(alice, embedding_model="")
    answer = alice.post(f"/knowledge-bases/{base}/documents/", files={"file": ("문서.pdf", data)})
    assert answer.status_code == 202, answer.text
    work()
    document = shown(alice, answer.json()["id"])
    assert document["status"] == "failed"
    assert document["error"].endswith(".")
    assert not Chunk.objects.exists()


def test_an_external_id_stands_for_one_document(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    add(alice, base, "a", "하나", external_id="x")
    body = {"name": "b", "text": "둘", "external_id": "x"}
    assert alice.post(f"/knowledge-bases/{base}/documents/", json=body).status_code == 409
    assert len(stored_files()) == Document.objects.count() == 1


def test_what_belongs_to_others_is_not_there(alice: User, bob: User, filled: str) -> None:
    document = str(Document.objects.values_list("id", flat=True)[0])
    for wrong in (filled, str(uuid4())):
        at = f"/knowledge-bases/{wrong}"
        assert bob.get(at).status_code == 404
        assert bob.patch(at, json={"name": "x"}).status_code == 404
        assert bob.delete(at).status_code == 404
        assert bob.get(f"{at}/documents/").status_code == 404
        body = {"name": "a", "text": "b"}
        assert bob.post(f"{at}/documents/", json=body).status_code == 404
        assert bob.post(f"{at}/search", json={"query": "연차"}).status_code == 404
        both = {"query": "연차", "knowledge_base_ids": [wrong]}
        assert bob.post("/knowledge/search", json=both).status_code == 404
    for wrong in (document, str(uuid4())):
        for part in ("", "/chunks/", "/text", "/file"):
            assert bob.get(f"/documents/{wrong}{part}").status_code == 404
        for verb in ("reprocess", "cancel"):
            assert bob.post(f"/documents/{wrong}/{verb}").status_code == 404
        assert bob.delete(f"/documents/{wrong}").status_code == 404
    assert bob.get("/knowledge-bases/").json() == []
    assert alice.get(f"/knowledge-bases/{filled}").json()["document_count"] == len(PASSAGES)


def stored_files() -> list[Path]:
    folder = Path(settings.MEDIA_ROOT) / "documents"
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def _no_files(database: None) -> None:
    for path in stored_files():
        path.unlink()


def test_nothing_is_left_of_a_deleted_base(alice: User, filled: str) -> None:
    assert stored_files()
    assert alice.delete(f"/knowledge-bases/{filled}").status_code == 204
    assert stored_files() == []
    assert not Document.objects.exists()
    assert not Chunk.objects.exists()


LONG = "\n\n".join(
    f"제{number}조. 이 조항은 {number}번째 규정이며, 모든 직원은 이를 지켜야 합니다." * 4
    for number in range(1, 40)
)


class Killed(BaseException):
    """Ends a worker where it is: nothing catches it, as nothing catches SIGKILL."""


def as_cut() -> list[tuple[Any, ...]]:
    rows = Chunk.objects.filter(live=True).order_by("ordinal")
    return list(rows.values_list("ordinal", "start", "end", "content", "content_hash"))


def test_a_worker_that_dies_at_any_write_leaves_the_same_passages(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "BATCH", 8)
    base = new_base(alice, chunk_size=64)
    document = add(alice, base, "규정.txt", LONG)
    work()
    whole = as_cut()
    assert len(whole) > 16
    embedded = billed(alice)
    alice.post(f"/documents/{document}/reprocess")
    write = queue.write
    for step in range(1, 8):
        left = [step]

        def dying(*arguments: Any, left: list[int] = left, **changes: Any) -> None:
            left[0] -= 1
            if not left[0]:
                raise Killed
            write(*arguments, **changes)

        monkeypatch.setattr(queue, "write", dying)
        try:
            ingestion.ingest_next()
        except Killed:
            assert as_cut() == whole  # searches see the former passages
        monkeypatch.setattr(queue, "write", write)
        assert not ingestion.ingest_next()  # its lease still runs
        Document.objects.filter(leased_until__isnull=False).update(
            leased_until=timezone.now() - timedelta(seconds=1)
        )
    assert queue.due() or shown(alice, document)["status"] == "ready"
    work()
    assert shown(alice, document)["status"] == "ready"
    assert as_cut() == whole
    assert Chunk.objects.count() == len(whole)
    assert billed(alice) == embedded  # what the base had was not embedded again


def billed(user: User) -> int:
    rows = UsageRecord.objects.filter(user_id=user.user_id)
    return sum(row.input_tokens or 0 for row in rows)


@pytest.mark.parametrize("how", ["cancel", "delete", "delete its base"])
def test_who_works_on_what_is_taken_away_writes_nothing_more(
    alice: User, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    base = new_base(alice, embedding_model="", chunk_size=64)
    document = add(alice, base, "규정.txt", LONG)
    write, calls = queue.write, []

    def interrupted(*arguments: Any, **changes: Any) -> None:
        calls.append(changes)
        if len(calls) == 4:  # after the first passages
            assert Chunk.objects.exists()
            if how == "cancel":
                assert alice.post(f"/documents/{document}/cancel").status_code == 200
            elif how == "delete":
                assert alice.delete(f"/documents/{document}").status_code == 204
            else:
                assert alice.delete(f"/knowledge-bases/{base}").status_code == 204
        write(*arguments, **changes)

    monkeypatch.setattr(ingestion, "BATCH", 4)
    monkeypatch.setattr(queue, "write", interrupted)
    assert ingestion.ingest_next()
    assert len(calls) >= 4
    assert not Chunk.objects.exists()
    if how == "cancel":
        assert shown(alice, document)["status"] == "cancelled"
        assert alice.delete(f"/documents/{document}").status_code == 204
    assert stored_files() == []
    assert not Document.objects.exists()


def test_many_documents_of_one_user_do_not_hold_up_those_of_another(alice: User, bob: User) -> None:
    base = new_base(alice, embedding_model="")
    for number in range(20):
        add(alice, base, f"{number}.txt", f"문서 {number}")
    document = add(bob, new_base(bob, embedding_model=""), "하나.txt", "하나뿐인 문서")
    ingestion.ingest_next()
    ingestion.ingest_next()
    assert shown(bob, document)["status"] == "ready"
