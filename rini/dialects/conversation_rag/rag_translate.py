"""Between the RAG routes' JSON and Rini's: pure functions. Ids are texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

Json = dict[str, Any]
_ZHIPU = "zhipu"
THEIR_MODELS = ("zhipu-embedding-3", "zhipu-embedding-2")


class Base(Protocol):
    id: UUID
    name: str
    embedding_model: str


class Document(Protocol):
    id: UUID
    base_id: UUID
    name: str
    file_type: str


class Chunk(Protocol):
    document_id: UUID

    @property
    def document(self) -> Document: ...


class Span(Protocol):
    @property
    def content(self) -> str: ...


class Found(Protocol):
    @property
    def chunk(self) -> Chunk: ...
    @property
    def shown(self) -> Span: ...
    @property
    def score(self) -> float: ...


def our_name(model: str) -> str:
    """``provider/model`` for a name of the original, which puts a dash after the provider."""
    head, dash, tail = model.partition("-")
    return f"{head}/{tail}" if dash and head == _ZHIPU else model


def their_name(model: str) -> str:
    head, slash, tail = model.partition("/")
    return f"{head}-{tail}" if slash and head == _ZHIPU else model


def base_made(base: Base) -> Json:
    return _done("Knowledge base created", kb_id=str(base.id))


def bases(found: Iterable[Base]) -> Json:
    kbs = [
        {
            "kb_id": str(base.id),
            "kb_name": base.name,
            "embedding_model": their_name(base.embedding_model),
        }
        for base in found
    ]
    return _done(f"Knowledge bases: {len(kbs)}", kbs=kbs)


def base_deleted() -> Json:
    return _done("Knowledge base deleted")


def document_ready(document_id: UUID, chunks: int) -> Json:
    return _done(f"Document uploaded, in chunks: {chunks}", doc_id=str(document_id))


def document_accepted(document_id: UUID) -> Json:
    message = "Document accepted: it is still being processed"
    return _done(message, doc_id=str(document_id))


def documents(found: Iterable[Document]) -> Json:
    docs = [
        {
            "doc_id": str(document.id),
            "kb_id": str(document.base_id),
            "doc_name": document.name,
            "file_type": document.file_type,
        }
        for document in found
    ]
    return _done(f"Documents: {len(docs)}", docs=docs)


def document_deleted() -> Json:
    return _done("Document deleted")


def retrieved(found: Sequence[Found]) -> Json:
    results = [
        {
            "content": one.shown.content,
            "score": one.score,
            "doc_id": str(one.chunk.document_id),
            "doc_name": one.chunk.document.name,
        }
        for one in found
    ]
    return _done(f"Results: {len(results)}", results=results)


def models(names: Iterable[str]) -> Json:
    """The original's own names among them."""
    told = dict.fromkeys((*THEIR_MODELS, *map(their_name, names)))
    return _done(f"Models: {len(told)}", models=list(told))


def _done(message: str, **fields: Any) -> Json:
    return {"success": True, **fields, "message": message}
