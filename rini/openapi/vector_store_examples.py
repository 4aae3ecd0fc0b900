"""Examples of the answers of OpenAI's files and vector stores: by method and path."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_FILE_ID = "file-3f2b8a54c1de4f7a9b0c1d2e3f4a5b6c"
_STORE_ID = "vs_9b0c1d2e3f4a5b6c3f2b8a54c1de4f7a"
_BATCH_ID = "vsfb_1d2e3f4a5b6c3f2b8a54c1de4f7a9b0c"
_COUNTS = {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}
_ATTRIBUTES = {"year": 2026, "team": "인사"}
_FILE: Json = {
    "id": _FILE_ID,
    "object": "file",
    "bytes": 2048,
    "created_at": 1772357400,
    "filename": "취업규칙.pdf",
    "purpose": "assistants",
    "status": "processed",
}
_STORE: Json = {
    "id": _STORE_ID,
    "object": "vector_store",
    "created_at": 1772357400,
    "name": "社内規程",
    "usage_bytes": 2048,
    "file_counts": _COUNTS,
    "status": "completed",
    "metadata": {"주제": "인사"},
}
_STORE_FILE: Json = {
    "id": _FILE_ID,
    "object": "vector_store.file",
    "created_at": 1772357400,
    "vector_store_id": _STORE_ID,
    "usage_bytes": 2048,
    "status": "completed",
    "last_error": None,
    "attributes": _ATTRIBUTES,
}
_BATCH: Json = {
    "id": _BATCH_ID,
    "object": "vector_store.files_batch",
    "created_at": 1772357400,
    "vector_store_id": _STORE_ID,
    "status": "completed",
    "file_counts": _COUNTS,
}
_PASSAGE = {"type": "text", "text": "연차 휴가는 일 년에 십오 일입니다."}
_RESULT: Json = {
    "file_id": _FILE_ID,
    "filename": "취업규칙.pdf",
    "score": 0.83,
    "attributes": _ATTRIBUTES,
    "content": [_PASSAGE],
}


def _list(one: Json) -> Json:
    ends = {"first_id": one["id"], "last_id": one["id"], "has_more": False}
    return {"object": "list", "data": [one], **ends}


def _whole(kind: str, one: Json) -> Json:
    return {"object": f"vector_store.{kind}.page", "data": [one], "has_more": False}


def _deleted(kind: str, id_: str) -> Json:
    return {"id": id_, "object": kind, "deleted": True}


_ONE_FILE = "/v1/files/{file_id}/"
_ONE_STORE = "/v1/vector_stores/{vector_store_id}/"
_FILES = f"{_ONE_STORE}files/"
_STORED = f"{_FILES}{{file_id}}/"
_BATCHES = f"{_ONE_STORE}file_batches/"
_ONE_BATCH = f"{_BATCHES}{{batch_id}}/"
_ANSWERS: dict[tuple[str, str], Json] = {
    ("post", "/v1/files/"): _FILE,
    ("get", "/v1/files/"): _list(_FILE),
    ("get", _ONE_FILE): _FILE,
    ("delete", _ONE_FILE): _deleted("file", _FILE_ID),
    ("post", "/v1/vector_stores/"): _STORE,
    ("get", "/v1/vector_stores/"): _list(_STORE),
    ("get", _ONE_STORE): _STORE,
    ("post", _ONE_STORE): _STORE,
    ("delete", _ONE_STORE): _deleted("vector_store.deleted", _STORE_ID),
    ("post", f"{_ONE_STORE}search/"): _whole("search_results", _RESULT),
    ("post", _FILES): _STORE_FILE,
    ("get", _FILES): _list(_STORE_FILE),
    ("get", _STORED): _STORE_FILE,
    ("post", _STORED): _STORE_FILE,
    ("delete", _STORED): _deleted("vector_store.file.deleted", _FILE_ID),
    ("get", f"{_STORED}content/"): _whole("file_content", _PASSAGE),
    ("post", _BATCHES): _BATCH,
    ("get", _ONE_BATCH): _BATCH,
    ("post", f"{_ONE_BATCH}cancel/"): {**_BATCH, "status": "cancelled"},
    ("get", f"{_ONE_BATCH}files/"): _list(_STORE_FILE),
}
OF_VECTOR_STORES: dict[tuple[str, str], Json] = {
    **{operation: {"application/json": answer} for operation, answer in _ANSWERS.items()},
    ("get", f"{_ONE_FILE}content/"): {"application/octet-stream": "(the bytes of a file)"},
}
FIELDS: dict[str, Json] = {
    "NewVectorStore": {"name": "社内規程", "file_ids": [_FILE_ID], "metadata": {"주제": "인사"}},
    "VectorStoreChange": {"name": "社内規程", "metadata": {"주제": "인사"}},
    "NewStoreFile": {"file_id": _FILE_ID},
    "NewFileBatch": {"file_ids": [_FILE_ID]},
    "RankingOptions": {"ranker": "auto"},
    "StaticChunking": {"max_chunk_size_tokens": 256, "chunk_overlap_tokens": 32},
}
"""Fields of bodies whose names mean something else elsewhere."""
