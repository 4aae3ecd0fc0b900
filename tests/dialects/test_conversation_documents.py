"""The RAG routes of the conversation API, as the original's clients use them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from conversations.models import Message
from tests.conftest import User
from tests.dialects.test_conversation_rag import create, said
from tests.knowledge.test_knowledge_bases import work
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

LEAVE = "# 취업규칙\n\n연차 휴가는 일 년에 십오 일입니다.\n\n# 料金\n\n新幹線は一万四千円です。"


def new_base(user: httpx.Client, **body: Any) -> str:
    answer = user.post("/api/rag/kb/create", json={"kb_name": "규칙", **body})
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    kb_id: str = answer.json()["kb_id"]
    return kb_id


@pytest.fixture
def base(alice: User, stage: Stage) -> tuple[str, str]:
    """A base with one document, and the document's id."""
    kb_id = new_base(alice)
    return kb_id, upload(alice, kb_id)["doc_id"]


def upload(user: httpx.Client, kb_id: str, name: str = "규칙.md") -> dict[str, Any]:
    """Upload while somebody works."""
    with ThreadPoolExecutor(1) as thread:
        sent = thread.submit(
            user.post,
            "/api/rag/doc/upload",
            data={"kb_id": kb_id},
            files={"file": (name, LEAVE.encode())},
            timeout=70,
        )
        while not sent.done():
            work()
    answer = sent.result()
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_document_is_found_when_its_upload_is_answered(
    alice: User, base: tuple[str, str]
) -> None:
    kb_id, doc_id = base
    answer = alice.post("/api/rag/retrieve", json={"kb_id": kb_id, "query": "연차", "top_k": 1})
    told = answer.json()
    assert (answer.status_code, told["success"]) == (200, True)
    [result] = told["results"]
    assert (result["doc_id"], result["doc_name"]) == (doc_id, "규칙.md")
    assert "십오 일" in result["content"]
    assert 0 <= result["score"] <= 1


def test_bases_and_documents_are_listed_and_deleted(alice: User, base: tuple[str, str]) -> None:
    kb_id, doc_id = base
    [kb] = alice.get("/api/rag/kb/list").json()["kbs"]
    assert (kb["kb_id"], kb["kb_name"]) == (kb_id, "규칙")
    [doc] = alice.get("/api/rag/doc/list", params={"kb_id": kb_id}).json()["docs"]
    assert doc == {
        "doc_id": doc_id,
        "kb_id": kb_id,
        "doc_name": "규칙.md",
        "file_type": doc["file_type"],
    }
    gone = alice.post("/api/rag/doc/delete", json={"kb_id": kb_id, "doc_id": doc_id})
    assert gone.json()["success"] is True
    assert alice.get("/api/rag/doc/list", params={"kb_id": kb_id}).json()["docs"] == []
    assert alice.post("/api/rag/kb/delete", json={"kb_id": kb_id}).json()["success"] is True
    assert alice.get("/api/rag/kb/list").json()["kbs"] == []


def test_a_chat_answers_from_the_documents_and_stores_the_message_alone(
    alice: User, base: tuple[str, str], stage: Stage
) -> None:
    number = create(alice)
    stage.next(Script(pieces=["십오 ", "일 [1]"]))
    body = {"conversation_id": number, "kb_id": base[0], "message": "연차는 며칠인가요?"}
    answer = alice.post("/api/rag/chat", json=body)
    assert answer.status_code == 200, answer.text
    pieces = [json.loads(line) for line in answer.text.split("\n\n") if line]
    assert "".join(one["data"] for one in pieces[:-2]) == "십오 일 [1]"
    assert pieces[-2:] == [
        {"event": "done", "data": "Stream finished"},
        {"event": "full_response", "data": "십오 일 [1]"},
    ]
    assert said(alice, number) == ["연차는 며칠인가요?", "십오 일 [1]"]
    told = stage.wait_for_call(model="gpt-4o-mini").body["messages"][-1]["content"]
    assert "십오 일입니다" in told
    assert Message.objects.get(role="assistant").citations[0]["document_name"] == "규칙.md"


def test_a_model_has_the_name_that_the_original_gave_it(alice: User, stage: Stage) -> None:
    key = {"model_provider": "zhipu", "api_key_value": "sk-zhipu-0123456789"}
    assert alice.post("/api-keys/", json=key).status_code == 201
    names = alice.get("/api/rag/models").json()["models"]
    assert {"zhipu-embedding-3", "zhipu-embedding-2"} <= set(names)
    assert any(name.startswith("offline/") for name in names)
    new_base(alice, embedding_model="zhipu-embedding-3")
    [kb] = alice.get("/api/rag/kb/list").json()["kbs"]
    assert kb["embedding_model"] == "zhipu-embedding-3"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("kb/delete", {}),
        ("doc/delete", {"doc_id": str(uuid4())}),
        ("retrieve", {"query": "연차"}),
        ("chat", {"message": "연차?"}),
    ],
)
def test_nobody_uses_somebody_elses_documents(
    bob: User, base: tuple[str, str], stage: Stage, path: str, body: dict[str, Any]
) -> None:
    number = create(bob)
    for kb_id in (base[0], str(uuid4())):
        answer = bob.post(
            f"/api/rag/{path}", json={"kb_id": kb_id, "conversation_id": number, **body}
        )
        assert (answer.status_code, list(answer.json())) == (404, ["error"])
    listed = bob.get("/api/rag/doc/list", params={"kb_id": base[0]})
    assert listed.status_code == 404
    sent = bob.post("/api/rag/doc/upload", data={"kb_id": base[0]}, files={"file": ("a.md", b"a")})
    assert sent.status_code == 404
    assert said(bob, number) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("kb/create", {}),
        ("kb/create", {"kb_name": "이름", "embedding_model": "nobody/nothing"}),
        ("kb/delete", {"kb_id": "1"}),
        ("retrieve", {"kb_id": str(uuid4())}),
        ("retrieve", {"kb_id": str(uuid4()), "query": "a", "top_k": 0}),
        ("chat", {"kb_id": str(uuid4()), "conversation_id": "x", "message": "a"}),
    ],
)
def test_what_is_wrong_is_said_as_the_original_did(
    alice: User, path: str, body: dict[str, Any]
) -> None:
    answer = alice.post(f"/api/rag/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_a_document_that_cannot_be_read_says_why(alice: User, server: RiniServer) -> None:
    kb_id = new_base(alice)
    with ThreadPoolExecutor(1) as thread:
        sent = thread.submit(
            alice.post,
            "/api/rag/doc/upload",
            data={"kb_id": kb_id},
            files={"file": ("깨진.pdf", b"%PDF-1.7\nbroken")},
        )
        while not sent.done():
            work()
    answer = sent.result()
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert answer.json()["error"]
