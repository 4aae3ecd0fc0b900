"""OpenAI's files and vector stores by its official client, on knowledge bases and documents."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import openai
import pytest
from django.core.files.storage import default_storage
from openai.types import FileObject

from knowledge import documents
from knowledge.models import Chunk, Document, KnowledgeBase, UploadedFile
from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.dialects.openai_client import CLAUDE, GPT, client_of
from tests.knowledge.test_knowledge_bases import PASSAGES, QUESTIONS, add, new_base, search, work
from tests.vendors.script import Script
from tests.vendors.stage import Stage

LEAVE = PASSAGES["휴가.md"]


def upload(client: openai.OpenAI, name: str = "휴가.md", text: str = LEAVE) -> FileObject:
    return client.files.create(file=(name, text.encode()), purpose="assistants")


def uploads(client: openai.OpenAI) -> dict[str, str]:
    """A file in each of four languages: the ids by their names."""
    return {name: upload(client, name, text).id for name, text in PASSAGES.items()}


def share(owner: User, store_id: str, other: User, access: str) -> None:
    base_id = UUID(store_id.removeprefix("vs_"))
    body = {"user_id": other.user_id, "access": access}
    answer = owner.put(f"/shares/knowledge-bases/{base_id}/", json=body)
    assert answer.is_success, answer.text


@pytest.fixture
def hers(alice: User) -> openai.OpenAI:
    return client_of(alice)


@pytest.fixture
def his(bob: User) -> openai.OpenAI:
    return client_of(bob)


@pytest.fixture
def filled(hers: openai.OpenAI) -> str:
    """A vector store of alice's with a file in each of four languages, all ready."""
    store = hers.vector_stores.create(name="지식", file_ids=list(uploads(hers).values()))
    work()
    return store.id


# -- files ----------------------------------------------------------------------------------------


def test_a_file_is_uploaded_shown_downloaded_and_deleted(hers: openai.OpenAI) -> None:
    made = upload(hers, "연차 규정.md")
    assert made.id.startswith("file-")
    assert (made.object, made.filename, made.purpose) == ("file", "연차 규정.md", "assistants")
    assert (made.bytes, made.status) == (len(LEAVE.encode()), "processed")
    assert hers.files.retrieve(made.id) == made
    assert hers.files.content(made.id).read() == LEAVE.encode()
    assert hers.files.delete(made.id).deleted
    for gone in (hers.files.retrieve, hers.files.content, hers.files.delete):
        with pytest.raises(openai.NotFoundError):
            gone(made.id)
    assert not Document.objects.exists()


def test_files_are_listed_by_pages_newest_first(hers: openai.OpenAI, his: openai.OpenAI) -> None:
    names = [f"文書{number}.txt" for number in range(5)]
    for name in names:
        upload(hers, name)
    upload(his)
    assert [one.filename for one in hers.files.list(limit=2)] == names[::-1]
    first = hers.files.list(limit=2)
    assert first.has_more
    assert [one.filename for one in first.data] == names[:2:-1]
    assert [one.filename for one in hers.files.list(order="asc")] == names
    hers.files.create(file=("u.txt", b"u"), purpose="user_data")
    assert [one.filename for one in hers.files.list(purpose="user_data")] == ["u.txt"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "fine-tune"}, "purpose"),
        ({"purpose": ""}, "purpose"),
        (
            {"purpose": "assistants", "expires_after[anchor]": "created_at"},
            "expires_after[anchor]",
        ),
    ],
)
def test_what_a_file_cannot_be_for_is_refused_by_its_name(
    alice: User, fields: dict[str, str], param: str
) -> None:
    answer = alice.post("/v1/files", data=fields, files={"file": ("a.txt", b"a")})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert not UploadedFile.objects.exists()


def test_a_deleted_file_leaves_every_store_and_the_storage(hers: openai.OpenAI) -> None:
    made = upload(hers)
    stored = UploadedFile.objects.get().file
    kept = hers.vector_stores.create(name="둘", file_ids=[made.id])
    hers.vector_stores.create(name="하나", file_ids=[made.id])
    work()
    assert Chunk.objects.count() == 2
    hers.vector_stores.files.delete(made.id, vector_store_id=kept.id)
    assert default_storage.exists(stored), "another store has it"
    hers.files.delete(made.id)
    assert (Document.objects.count(), Chunk.objects.count()) == (0, 0)
    assert not default_storage.exists(stored)


def test_a_file_in_no_store_is_not_swept_away(
    hers: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = upload(hers)
    monkeypatch.setattr("rini.storage.files.MAY_BE_UNNAMED_FOR", timedelta(hours=-1))
    documents.sweep()
    assert hers.files.content(made.id).read() == LEAVE.encode()


# -- vector stores --------------------------------------------------------------------------------


def test_a_store_is_a_knowledge_base(alice: User, hers: openai.OpenAI) -> None:
    made = hers.vector_stores.create(name="社内規程", description="人事", metadata={"팀": "인사"})
    assert (made.object, made.name, made.status) == ("vector_store", "社内規程", "completed")
    assert made.metadata == {"팀": "인사"}
    assert (made.file_counts.total, made.usage_bytes, made.expires_after) == (0, 0, None)
    base_id = UUID(made.id.removeprefix("vs_"))
    base = alice.get(f"/knowledge-bases/{base_id}/").json()
    assert (base["name"], base["description"]) == ("社内規程", "人事")
    assert base["embedding_model"] == KnowledgeBase.objects.get().embedding_model
    assert hers.vector_stores.retrieve(made.id) == made
    changed = hers.vector_stores.update(made.id, name="规程", metadata={})
    assert (changed.name, changed.metadata) == ("规程", {})
    assert [one.id for one in hers.vector_stores.list()] == [made.id]
    assert hers.vector_stores.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        hers.vector_stores.retrieve(made.id)


def test_stores_are_paged_in_both_directions(alice: User, hers: openai.OpenAI) -> None:
    made = [hers.vector_stores.create(name=str(number)).id for number in range(5)]
    newest_first = made[::-1]
    assert [one.id for one in hers.vector_stores.list(limit=2)] == newest_first
    page = hers.vector_stores.list(limit=2, before=newest_first[4])
    assert [one.id for one in page.data] == newest_first[2:4]
    assert page.has_more
    page = hers.vector_stores.list(limit=2, after=made[1], order="asc")
    assert [one.id for one in page.data] == made[2:4]
    with pytest.raises(openai.BadRequestError) as refused:
        hers.vector_stores.list(after=f"vs_{uuid4().hex}")
    assert refused.value.param == "after"


def test_files_of_a_store_become_ready_and_are_counted(hers: openai.OpenAI) -> None:
    ids = uploads(hers)
    empty = upload(hers, "빈.txt", " ")
    made = hers.vector_stores.create(name="지식", file_ids=[*ids.values(), empty.id])
    assert (made.status, made.file_counts.in_progress) == ("in_progress", 5)
    listed = hers.vector_stores.files.list(made.id)
    assert {one.id for one in listed} == {*ids.values(), empty.id}
    assert {one.status for one in listed} == {"in_progress"}
    work()
    store = hers.vector_stores.retrieve(made.id)
    assert (store.status, store.file_counts.completed) == ("completed", 4)
    assert (store.file_counts.failed, store.file_counts.total) == (1, 5)
    failed = hers.vector_stores.files.list(made.id, filter="failed").data
    assert [one.id for one in failed] == [empty.id]
    assert failed[0].last_error
    assert failed[0].last_error.code == "invalid_file"
    assert len(hers.vector_stores.files.list(made.id, filter="completed").data) == 4
    [text] = hers.vector_stores.files.content(ids["料金.md"], vector_store_id=made.id)
    assert "新幹線" in str(text.text)


def test_the_client_uploads_and_waits(hers: openai.OpenAI) -> None:
    store = hers.vector_stores.create(name="기다림")
    with ThreadPoolExecutor(1) as thread:
        sent = thread.submit(
            hers.vector_stores.files.upload_and_poll,
            vector_store_id=store.id,
            file=("料金.md", PASSAGES["料金.md"].encode()),
            attributes={"year": 2026},
            poll_interval_ms=50,
        )
        while not sent.done():
            work()
    assert (sent.result().status, sent.result().attributes) == ("completed", {"year": 2026})


def test_a_file_is_taken_out_of_a_store_and_stays(hers: openai.OpenAI, filled: str) -> None:
    files = hers.vector_stores.files
    one = files.list(filled).data[0]
    assert files.retrieve(one.id, vector_store_id=filled) == one
    assert files.delete(one.id, vector_store_id=filled).deleted
    with pytest.raises(openai.NotFoundError):
        files.retrieve(one.id, vector_store_id=filled)
    assert hers.files.retrieve(one.id).id == one.id
    assert hers.vector_stores.retrieve(filled).file_counts.total == 3


def test_the_same_file_again_is_the_same_document(hers: openai.OpenAI, filled: str) -> None:
    files = hers.vector_stores.files
    [one, *_] = files.list(filled).data
    again = files.create(filled, file_id=one.id, attributes={"年": 2026})
    assert (again.id, again.status, again.attributes) == (one.id, "completed", {"年": 2026})
    assert len(files.list(filled).data) == 4


def test_passages_are_cut_as_the_store_was_told(hers: openai.OpenAI) -> None:
    sizes: Any = {"max_chunk_size_tokens": 64, "chunk_overlap_tokens": 16}
    strategy: Any = {"type": "static", "static": sizes}
    store = hers.vector_stores.create(name="작게", chunking_strategy=strategy)
    one = upload(hers)
    put = hers.vector_stores.files.create(store.id, file_id=one.id, chunking_strategy=strategy)
    assert put.to_dict()["chunking_strategy"] == strategy
    other: Any = {"type": "static", "static": {**sizes, "max_chunk_size_tokens": 128}}
    with pytest.raises(openai.BadRequestError) as refused:
        hers.vector_stores.files.create(store.id, file_id=one.id, chunking_strategy=other)
    assert refused.value.param == "chunking_strategy"


def test_documents_of_the_native_api_are_files_too(alice: User, hers: openai.OpenAI) -> None:
    base_id = new_base(alice)
    document_id = add(alice, base_id, "휴가.md", LEAVE, attributes={"year": 2026})
    work()
    store_id, file_id = f"vs_{UUID(base_id).hex}", f"file-{UUID(document_id).hex}"
    [one] = hers.vector_stores.files.list(store_id).data
    assert (one.id, one.status, one.attributes) == (file_id, "completed", {"year": 2026})
    assert hers.files.retrieve(file_id).filename == "휴가.md"
    assert hers.files.content(file_id).read() == LEAVE.encode()
    with pytest.raises(openai.PermissionDeniedError):
        hers.files.delete(file_id)
    assert hers.vector_stores.files.delete(file_id, vector_store_id=store_id).deleted
    assert not Document.objects.exists()


# -- batches --------------------------------------------------------------------------------------


def test_a_batch_puts_files_in_together(hers: openai.OpenAI) -> None:
    ids = list(uploads(hers).values())
    store = hers.vector_stores.create(name="지식")
    batches = hers.vector_stores.file_batches
    made = batches.create(store.id, file_ids=ids[:2], attributes={"team": "人事"})
    assert (made.status, made.file_counts.in_progress) == ("in_progress", 2)
    other = batches.create(store.id, files=[{"file_id": ids[2], "attributes": {"team": "IT"}}])
    work()
    done = batches.retrieve(made.id, vector_store_id=store.id)
    assert (done.status, done.file_counts.completed) == ("completed", 2)
    listed = batches.list_files(made.id, vector_store_id=store.id).data
    assert {one.id for one in listed} == set(ids[:2])
    assert [one.attributes for one in listed] == [{"team": "人事"}] * 2
    [third] = batches.list_files(other.id, vector_store_id=store.id).data
    assert third.attributes == {"team": "IT"}


def test_a_batch_is_cancelled(hers: openai.OpenAI) -> None:
    store = hers.vector_stores.create(name="지식")
    batches = hers.vector_stores.file_batches
    made = batches.create(store.id, file_ids=list(uploads(hers).values()))
    stopped = batches.cancel(made.id, vector_store_id=store.id)
    assert (stopped.status, stopped.file_counts.cancelled) == ("cancelled", 4)
    work()
    assert not Chunk.objects.exists()


def test_a_batch_with_a_file_that_is_not_there_puts_in_nothing(
    hers: openai.OpenAI, his: openai.OpenAI
) -> None:
    store = hers.vector_stores.create(name="지식")
    mine, strange = upload(hers).id, upload(his).id
    with pytest.raises(openai.NotFoundError):
        hers.vector_stores.file_batches.create(store.id, file_ids=[mine, strange])
    assert not Document.objects.exists()


# -- searching ------------------------------------------------------------------------------------


def test_a_question_finds_its_passage_in_every_language(hers: openai.OpenAI, filled: str) -> None:
    for question, name in QUESTIONS.items():
        found = hers.vector_stores.search(filled, query=question, max_num_results=2).data
        assert found[0].filename == name
        assert PASSAGES[name].endswith(found[0].content[0].text.rpartition("\n")[2])
        assert hers.files.retrieve(found[0].file_id).filename == name
        assert len(found) <= 2
        assert 0 <= found[-1].score <= found[0].score <= 1
    both = hers.vector_stores.search(filled, query=list(QUESTIONS)[:2], max_num_results=2)
    assert {one.filename for one in both.data} == {"휴가.md", "料金.md"}


def test_a_search_sees_what_its_filter_and_threshold_let_through(
    hers: openai.OpenAI, filled: str
) -> None:
    names = {hers.files.retrieve(one.id).filename: one.id for one in list_of(hers, filled)}
    for year, name in enumerate(PASSAGES, 2023):
        hers.vector_stores.files.update(
            names[name], vector_store_id=filled, attributes={"year": year, "名": name}
        )
    newer: Any = {"type": "gte", "key": "year", "value": 2025}
    found = hers.vector_stores.search(filled, query="연차 料金 竹子 oil", filters=newer).data
    assert {one.filename for one in found} == set(list(PASSAGES)[2:])
    assert all(one.attributes and one.attributes["year"] >= 2025 for one in found)  # type: ignore[operator]  # a number was given
    none = hers.vector_stores.search(
        filled, query="oil", ranking_options={"ranker": "auto", "score_threshold": 1.0}
    )
    assert none.data == []
    hers.vector_stores.files.update(names["engine.md"], vector_store_id=filled, attributes=None)
    [one] = [one for one in list_of(hers, filled) if one.id == names["engine.md"]]
    assert one.attributes == {}


def list_of(client: openai.OpenAI, store_id: str) -> list[Any]:
    return client.vector_stores.files.list(store_id).data


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"query": "연차", "rewrite_query": True}, "rewrite_query"),
        ({"query": " "}, "query"),
        ({"query": []}, "query"),
        ({"query": 5}, "query"),
        ({"query": "연차", "max_num_results": 51}, "max_num_results"),
        ({"query": "연차", "filters": {"type": "like", "key": "a", "value": "b"}}, "filters"),
        ({"query": "연차", "ranking_options": {"ranker": "best"}}, "ranking_options.ranker"),
        ({"query": "연차", "top_k": 5}, "top_k"),
    ],
)
def test_a_search_that_cannot_be_is_refused_by_the_field(
    alice: User, hers: openai.OpenAI, body: dict[str, Any], param: str
) -> None:
    store = hers.vector_stores.create(name="지식")
    answer = alice.post(f"/v1/vector_stores/{store.id}/search", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"anchor": "last_active_at", "days": 1}}, "expires_after"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"file_ids": ["vs_1"]}, "file_ids"),
        ({"chunking_strategy": {"type": "static"}}, "chunking_strategy.static"),
    ],
)
def test_a_store_that_cannot_be_is_refused_by_the_field(
    alice: User, body: dict[str, Any], param: str
) -> None:
    answer = alice.post("/v1/vector_stores", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(param)
    assert not KnowledgeBase.objects.exists()


# -- others' --------------------------------------------------------------------------------------


def test_anothers_files_and_stores_are_not_there(
    hers: openai.OpenAI, his: openai.OpenAI, filled: str
) -> None:
    file_id = hers.files.list().data[0].id
    stores, files = his.vector_stores, his.vector_stores.files
    own = stores.create(name="밥의").id
    for forbidden in (
        lambda: his.files.retrieve(file_id),
        lambda: his.files.content(file_id),
        lambda: his.files.delete(file_id),
        lambda: stores.retrieve(filled),
        lambda: stores.update(filled, name="내 것"),
        lambda: stores.delete(filled),
        lambda: stores.search(filled, query="연차"),
        lambda: files.list(filled),
        lambda: files.retrieve(file_id, vector_store_id=filled),
        lambda: files.delete(file_id, vector_store_id=filled),
        lambda: files.create(own, file_id=file_id),
        lambda: files.create(filled, file_id=upload(his).id),
        lambda: stores.file_batches.create(filled, file_ids=[upload(his).id]),
    ):
        with pytest.raises(openai.NotFoundError):
            forbidden()
    assert his.files.list().data[-1].filename == "휴가.md"
    assert file_id not in {one.id for one in his.files.list()}
    assert hers.vector_stores.retrieve(filled).file_counts.total == 4


def test_who_may_read_a_store_reads_its_files_and_changes_nothing(
    alice: User, bob: User, hers: openai.OpenAI, his: openai.OpenAI, filled: str
) -> None:
    share(alice, filled, bob, "read")
    [one] = his.vector_stores.search(filled, query="연차는 며칠인가요?", max_num_results=1).data
    assert his.files.retrieve(one.file_id).filename == "휴가.md"
    assert his.files.content(one.file_id).read() == LEAVE.encode()
    stores, files = his.vector_stores, his.vector_stores.files
    for forbidden in (
        lambda: his.files.delete(one.file_id),
        lambda: stores.update(filled, name="내 것"),
        lambda: stores.delete(filled),
        lambda: files.delete(one.file_id, vector_store_id=filled),
        lambda: files.update(one.file_id, vector_store_id=filled, attributes={}),
        lambda: files.create(filled, file_id=upload(his).id),
    ):
        with pytest.raises(openai.PermissionDeniedError):
            forbidden()
    assert hers.vector_stores.retrieve(filled).file_counts.total == 4


def test_who_may_write_to_a_store_puts_own_files_in_and_takes_them_away(
    alice: User, bob: User, hers: openai.OpenAI, his: openai.OpenAI, filled: str
) -> None:
    share(alice, filled, bob, "write")
    mine = upload(his, "밥.md", "# 밥\n\n밥의 점심은 비빔밥입니다.")
    his.vector_stores.files.create(filled, file_id=mine.id)
    work()
    base_id = str(UUID(filled.removeprefix("vs_")))
    assert search(alice, base_id, "점심 비빔밥")[0]["document_name"] == "밥.md"
    assert hers.files.content(mine.id).read()
    his.files.delete(mine.id)
    assert hers.vector_stores.retrieve(filled).file_counts.total == 4


def test_without_a_token_nothing_is_told(alice: User, filled: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        client_of(alice, "rini-no").vector_stores.retrieve(filled)


# -- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_a_response_searches_files_and_cites_them(
    alice: User, hers: openai.OpenAI, filled: str, stage: Stage, model: str
) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["십오 일 [", "1]. 끝 [9]"]))
    answer = hers.responses.create(
        model=model,
        input="연차는 며칠인가요?",
        tools=[{"type": "file_search", "vector_store_ids": [filled], "max_num_results": 2}],
        include=["file_search_call.results"],
    )
    searched, message = answer.output
    assert searched.type == "file_search_call"
    assert (searched.status, searched.queries) == ("completed", ["연차는 며칠인가요?"])
    assert searched.results
    assert searched.results[0].filename == "휴가.md"
    assert answer.output_text == "십오 일 [1]. 끝 "
    assert message.type == "message"
    [cited] = message.to_dict()["content"][0]["annotations"]  # type: ignore[index]  # it is a message
    assert (cited["type"], cited["filename"], cited["index"]) == ("file_citation", "휴가.md", 5)
    assert hers.files.content(cited["file_id"]).read() == LEAVE.encode()
    assert "십오 일입니다" in json.dumps(stage.wait_for_call().body, ensure_ascii=False)
    assert hers.responses.retrieve(answer.id).to_dict() == answer.to_dict()
    stage.next(Script(pieces=["네"]))
    again = hers.responses.create(model=model, input="정말?", previous_response_id=answer.id)
    assert again.output_text == "네"


def test_a_streamed_response_tells_of_its_search_first(
    alice: User, hers: openai.OpenAI, filled: str, stage: Stage
) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["일 년에 ", "15일 [1]"]))
    tools: Any = [{"type": "file_search", "vector_store_ids": [filled]}]
    with hers.responses.stream(model=GPT, input="연차는 며칠인가요?", tools=tools) as stream:
        events = list(stream)
        last = stream.get_final_response()
    types = [event.type for event in events]
    assert types[2:7] == [
        "response.output_item.added",
        "response.file_search_call.in_progress",
        "response.file_search_call.searching",
        "response.file_search_call.completed",
        "response.output_item.done",
    ]
    assert "response.output_text.annotation.added" in types
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [item.type for item in last.output] == ["file_search_call", "message"]


@pytest.mark.parametrize(
    ("tool", "more", "status"),
    [
        ({"vector_store_ids": []}, {}, 400),
        ({"vector_store_ids": ["vs_1"]}, {}, 400),
        ({"vector_store_ids": [f"vs_{uuid4().hex}"]}, {}, 404),
        ({"max_num_results": 51}, {}, 400),
        ({"filters": {"type": "like", "key": "a", "value": "b"}}, {}, 400),
        ({"ranking_options": {"hybrid_search": {"text_weight": 1}}}, {}, 400),
        ({}, {"store": False}, 400),
    ],
)
def test_a_search_that_cannot_be_ends_a_response_before_it_begins(
    alice: User, filled: str, stage: Stage, tool: Any, more: Any, status: int
) -> None:
    add_keys(alice)
    tools = [{"type": "file_search", "vector_store_ids": [filled], **tool}]
    answer = alice.post("/v1/responses", json={"model": GPT, "input": "?", "tools": tools, **more})
    assert answer.status_code == status, answer.text
