"""Documents under the ids of their source: put in place, compared, changed, listed."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import pytest

from knowledge import ingestion, queue
from knowledge.models import Document
from tests.conftest import User
from tests.knowledge.test_knowledge_bases import (
    LONG,
    add,
    billed,
    new_base,
    search,
    shown,
    stored_files,
    work,
)


def put(user: User, base: str, external_id: str, text: str, **body: Any) -> dict[str, Any]:
    answer = user.put(
        f"/knowledge-bases/{base}/documents/by-external-id/{quote(external_id)}",
        json={"name": external_id, "text": text, **body},
    )
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


def sync(user: User, base: str, texts: dict[str, str], **body: Any) -> dict[str, Any]:
    listed = [
        {"external_id": name, "hash": hashlib.sha256(text.encode()).hexdigest()}
        for name, text in texts.items()
    ]
    answer = user.post(f"/knowledge-bases/{base}/sync", json={"documents": listed, **body})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_document_is_put_in_place_of_the_one_with_its_id(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    files = len(stored_files())
    first = put(alice, base, "규정/휴가.md", "연차는 십오 일입니다.", attributes={"년": 2025})
    work()
    second = put(alice, base, "규정/휴가.md", "연차는 이십 일입니다.", attributes={"년": 2026})
    assert (second["id"], second["status"]) == (first["id"], "queued")
    assert second["attributes"] == {"년": 2026}
    assert "십오" in search(alice, base, "연차")[0]["content"]  # until the new one is ready
    work()
    assert [found["content"] for found in search(alice, base, "연차")] == ["연차는 이십 일입니다."]
    assert len(stored_files()) == files + 1


def test_the_same_bytes_are_not_read_again(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    document = put(alice, base, "料金", "新幹線は一万四千円です。")["id"]
    work()
    again = put(alice, base, "料金", "新幹線は一万四千円です。", source="https://example.jp/料金")
    assert (again["status"], again["source"]) == ("ready", "https://example.jp/料金")
    assert Document.objects.get(id=document).attempt == 1


def test_bytes_that_could_not_be_read_are_read_again_when_they_are_put_again(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    put(alice, base, "空", " ")
    work()
    assert put(alice, base, "空", " ")["status"] == "queued"


def test_of_a_changed_document_only_what_is_new_is_embedded(alice: User) -> None:
    base = new_base(alice, chunk_size=64)
    put(alice, base, "규정", LONG)
    work()
    whole = billed(alice)
    document = put(alice, base, "규정", LONG + "\n\n" + "부칙. 이 규정은 내년부터 시행합니다." * 4)
    work()
    assert shown(alice, document["id"])["status"] == "ready"
    assert 0 < billed(alice) - whole < whole / 4


def test_who_reads_a_document_that_is_replaced_writes_nothing_more(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = new_base(alice, embedding_model="", chunk_size=64)
    put(alice, base, "熊猫", LONG)
    write, calls = queue.write, []

    def interrupted(*arguments: Any, **changes: Any) -> None:
        calls.append(changes)
        if len(calls) == 4:  # after the first passages
            put(alice, base, "熊猫", "大熊猫吃竹子。")
        write(*arguments, **changes)

    monkeypatch.setattr(ingestion, "BATCH", 4)
    monkeypatch.setattr(queue, "write", interrupted)
    work()
    document = Document.objects.get()
    assert document.status == "ready"
    assert [chunk.content for chunk in document.chunks.all()] == ["大熊猫吃竹子。"]


def test_a_body_cannot_name_another_id_than_its_address(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    at = f"/knowledge-bases/{base}/documents/by-external-id/a"
    answer = alice.put(at, json={"name": "a", "text": "하나", "external_id": "b"})
    assert answer.status_code == 400
    assert "external_id" in answer.json()["errors"]
    assert alice.put(at + "b" * 300, json={"name": "a", "text": "하나"}).status_code == 400


def test_a_sync_says_what_is_to_be_put_and_deletes_only_if_asked(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    for name, text in {"가": "하나", "二": "二つ", "三": "第三"}.items():
        put(alice, base, name, text)
    add(alice, base, "이름뿐", "외부 id가 없는 문서")
    source = {"가": "하나", "二": "二つ目", "새": "새 문서"}
    compared = sync(alice, base, source)
    assert compared == {"upload": ["二", "새"], "unchanged": 1, "would_delete": ["三"]}
    assert sync(alice, base, source) == compared  # nothing was done
    assert sync(alice, base, source, delete_missing=True)["deleted"] == ["三"]
    left = alice.get(f"/knowledge-bases/{base}/documents/").json()
    assert {document["name"] for document in left} == {"가", "二", "이름뿐"}
    for name in compared["upload"]:
        put(alice, base, name, source[name])
    assert sync(alice, base, source) == {"upload": [], "unchanged": 3, "would_delete": []}


@pytest.mark.parametrize(
    "documents",
    [
        [{"external_id": "가", "hash": "x"}],
        [{"external_id": "가"}],
        [{"external_id": "가", "hash": "a" * 64}, {"external_id": "가", "hash": "b" * 64}],
        None,
    ],
)
def test_a_sync_that_makes_no_sense_is_refused(alice: User, documents: Any) -> None:
    base = new_base(alice, embedding_model="")
    answer = alice.post(f"/knowledge-bases/{base}/sync", json={"documents": documents})
    assert answer.status_code == 400
    assert "documents" in answer.text


def test_a_document_is_renamed_and_described(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    document = add(alice, base, "휴가.md", "연차는 십오 일입니다.", attributes={"a": 1})
    add(alice, base, "b", "둘", external_id="둘")
    work()
    told = {"name": "休暇.md", "external_id": "하나", "attributes": {"팀": "인사"}, "source": ""}
    answer = alice.patch(f"/documents/{document}", json=told)
    assert answer.status_code == 200
    assert told.items() <= answer.json().items()
    filters = {"type": "eq", "key": "팀", "value": "인사"}
    assert len(search(alice, base, "연차", filters=filters)) == 1
    taken = alice.patch(f"/documents/{document}", json={"external_id": "둘"})
    assert taken.status_code == 409
    many = {str(number): number for number in range(17)}
    refused = alice.patch(f"/documents/{document}", json={"attributes": many})
    assert refused.status_code == 400


def test_a_list_can_be_narrowed_by_attributes(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    add(alice, base, "가", "하나", attributes={"year": 2025, "팀": "인사"})
    add(alice, base, "나", "둘", attributes={"year": 2026, "팀": "인사"})

    def names(attributes: str) -> list[str]:
        at = f"/knowledge-bases/{base}/documents/"
        return [found["name"] for found in alice.get(at, params={"attributes": attributes}).json()]

    assert names('{"팀": "인사"}') == ["나", "가"]
    assert names('{"팀": "인사", "year": 2026}') == ["나"]
    assert names('{"year": "2026"}') == []
    wrong = alice.get(f"/knowledge-bases/{base}/documents/", params={"attributes": "year"})
    assert wrong.status_code == 400
    assert "attributes" in wrong.json()["errors"]


def test_only_who_may_change_a_base_puts_and_syncs(alice: User, bob: User) -> None:
    base = new_base(alice, embedding_model="")
    document = add(alice, base, "a", "하나", external_id="a")
    at, body = f"/knowledge-bases/{base}", {"name": "a", "text": "둘"}
    for status in (404, 403):
        assert bob.put(f"{at}/documents/by-external-id/a", json=body).status_code == status
        assert bob.post(f"{at}/sync", json={"documents": []}).status_code == status
        assert bob.patch(f"/documents/{document}", json={"name": "b"}).status_code == status
        share = {"user_id": str(bob.user_id), "access": "read"}
        assert alice.put(f"/shares/knowledge-bases/{base}", json=share).is_success
