"""What answers of the dialects look like, whose shapes are their clients' and not ours."""

from __future__ import annotations

from typing import Any

from rini.openapi.examples import ID, TIME


def _done(message: str, **fields: Any) -> dict[str, Any]:
    return {"success": True, **fields, "message": message}


_SESSION = {"session_id": ID, "created_at": TIME}
_SAID = {
    "message_id": "4711",
    "role": "assistant",
    "content": "안녕하세요!",
    "created_at": TIME,
    "token_usage": 12,
}
_CONVERSATION = {"conversation_id": 7, "title": "여행", "created_time": 1772357400}

ANSWERS: dict[tuple[str, str], Any] = {
    ("post", "/api/sessions/"): _SESSION,
    ("get", "/api/sessions/{session_id}/"): {**_SESSION, "last_accessed": TIME, "metadata": {}},
    ("delete", "/api/sessions/{session_id}/"): {"message": "Session deleted", "session_id": ID},
    ("get", "/api/sessions/{session_id}/messages/"): {"messages": [{**_SAID, "session_id": ID}]},
    ("post", "/api/chat/"): _SAID,
    ("post", "/api/chat/stream/"): {"data": '{"content": "안녕"}'},
    ("get", "/api/health/"): {
        "status": "healthy",
        "database": "connected",
        "llm_server": "connected",
        "timestamp": TIME,
    },
    ("post", "/api/users/register/"): {"message": "User registered successfully"},
    ("post", "/api/users/login/"): {"token": "eyJhbGciOiJIUzI1NiJ9.…"},
    ("post", "/api/conversations/create/"): {
        **_CONVERSATION,
        "model": "zhipu/glm-4.6",
        "api_key": "****9f2c",
    },
    ("get", "/api/conversations/history/{conversation_id}/"): {
        **_CONVERSATION,
        "model": "zhipu/glm-4.6",
        "messages": [{"role": "user", "content": "你好", "message_id": 1}],
    },
    ("get", "/api/conversations/list/"): [_CONVERSATION],
    ("post", "/api/conversations/del/{conversation_id}/"): {
        "message": "Conversation deleted successfully"
    },
    ("post", "/api/chat/{conversation_id}/"): {"data": '{"event":"message","data":"안녕"}'},
    ("post", "/api/rag/kb/create/"): _done("Knowledge base created", kb_id=ID),
    ("get", "/api/rag/kb/list/"): _done(
        "Knowledge bases: 1",
        kbs=[{"kb_id": ID, "kb_name": "취업규칙", "embedding_model": "zhipu-embedding-3"}],
    ),
    ("post", "/api/rag/kb/delete/"): _done("Knowledge base deleted"),
    ("post", "/api/rag/doc/upload/"): _done("Document uploaded, in chunks: 12", doc_id=ID),
    ("get", "/api/rag/doc/list/"): _done(
        "Documents: 1",
        docs=[{"doc_id": ID, "kb_id": ID, "doc_name": "취업규칙.pdf", "file_type": "pdf"}],
    ),
    ("post", "/api/rag/doc/delete/"): _done("Document deleted"),
    ("post", "/api/rag/retrieve/"): _done(
        "Results: 1",
        results=[
            {
                "content": "연차 휴가는 일 년에 십오 일입니다.",
                "score": 0.83,
                "doc_id": ID,
                "doc_name": "취업규칙.pdf",
            }
        ],
    ),
    ("post", "/api/rag/chat/"): {"data": '{"event":"message","data":"십오 일 [1]"}'},
    ("get", "/api/rag/models/"): _done(
        "Models: 2", models=["zhipu-embedding-3", "offline/multilingual-e5-small"]
    ),
    ("get", "/documents/{id}/file/"): "(the bytes of the document)",
    ("post", "/chat/"): {
        "response": "안녕하세요!",
        "usage": {"prompt_tokens": 8, "completion_tokens": 4, "total_tokens": 12},
        "model": "gpt-4.1-mini",
        "timestamp": TIME,
    },
    ("post", "/chat/stream/"): {"stream_id": ID, "status": "started"},
    ("get", "/chat/stream/{stream_id}/"): {
        "event": "chunk",
        "data": '{"type":"CHUNK","content":"안녕"}',
    },
    ("delete", "/chat/stream/{stream_id}/"): {"message": "Stream stopped", "stream_id": ID},
    ("get", "/models/"): {
        "models": [
            {
                "id": "openai/gpt-4.1-mini",
                "name": "gpt-4.1-mini",
                "description": "gpt-4.1-mini of openai, sees images, calls tools",
            }
        ]
    },
    ("get", "/metrics/"): "rini_generations_running 3.0\n",
    ("get", "/health/"): {
        "status": "healthy",
        "database": "connected",
        "redis": "connected",
        "openai_api": "connected",
        "version": "0.1.0",
        "timestamp": TIME,
    },
}
"""Answers of the dialects, whose shapes are their clients' and not ours, by method and path."""
