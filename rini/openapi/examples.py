"""What the fields of the API look like, by their names; of some components by their own."""

from __future__ import annotations

from typing import Any

_ID = "3f2b8a54-6c1d-4f0e-9b57-2a4d8c6e1f90"
_TIME = "2026-03-01T09:30:00Z"

EXAMPLES: dict[str, Any] = {
    "id": _ID,
    "user_id": "7d0f6c1a-58a4-4c1e-a1d2-0b9a3c5e7f21",
    "session_id": _ID,
    "token_id": "c1a7e0de-41f6-47a8-8d0c-51b7b2f7a001",
    "generation_id": "9e4f3c2b-1a0d-4e5f-8c7b-6a5d4e3f2b1c",
    "stream_id": "9e4f3c2b-1a0d-4e5f-8c7b-6a5d4e3f2b1c",
    "message_id": 4711,
    "user_message_id": 4710,
    "assistant_message_id": 4711,
    "parent_message_id": 4709,
    "active_message_id": 4711,
    "request_id": "0f8c2d5be1f34a7a9d6f7c1b2a3e4d5f",
    "created_at": _TIME,
    "updated_at": _TIME,
    "last_accessed": _TIME,
    "last_used_at": _TIME,
    "finished_at": _TIME,
    "expires_at": "2027-01-01T00:00:00Z",
    "former_valid_until": _TIME,
    "resets_at": "2026-03-02T00:00:00Z",
    "timestamp": _TIME,
    "start_date": "2026-03-01",
    "end_date": "2026-03-31",
    "username": "하나",
    "password": "긴 암호 하나 둘 셋",
    "current_password": "긴 암호 하나 둘 셋",
    "email": "hana@example.org",
    "address": "203.0.113.9",
    "agent": "Mozilla/5.0 (Android 16; Mobile) …",
    "ended": 2,
    "access_token": "eyJhbGciOiJIUzI1NiJ9.…",
    "refresh_token": "Vb2n…",
    "token_type": "bearer",
    "token": "rini-4Jx0…",
    "prefix": "rini-4Jx0Qa",
    "name": "노트북",
    "description": "일할 때 쓰는 열쇠",
    "allowed_models": ["openai/gpt-4.1-mini", "anthropic/*"],
    "requests_per_minute": 60,
    "tokens_per_minute": 100_000,
    "model_provider": "openai",
    "api_key_value": "sk-…",
    "last4": "9f2c",
    "alias": "東京旅行の計画",
    "title": "東京旅行の計画",
    "system_prompt": "简短地回答。",
    "metadata": {"source": "mobile"},
    "tags": ["여행"],
    "model": "gpt-4.1-mini",
    "provider": "openai",
    "model_used": "gpt-4.1-mini",
    "model_answered": "gpt-4.1-mini-2025-04-14",
    "content": "도쿄에서 하루 동안 무엇을 볼까요?",
    "text": "도쿄에서 하루 동안 무엇을 볼까요?",
    "prompt": "这张照片是哪里？",
    "message": "こんにちは",
    "reasoning": "The user has one day …",
    "response_text": "아침에는 아사쿠사에 가 보세요.",
    "file_reference": "images/5f/5f0c7d1e6a0b4c559a533f1f6cbb7a01.png",
    "original_filename": "시장에서.png",
    "mime_type": "image/png",
    "image_file": "(the bytes of a PNG, JPEG, WebP or GIF image)",
    "prompt_tokens": 42,
    "completion_tokens": 17,
    "total_tokens": 59,
    "token_count": 17,
    "response_time_ms": 1840,
    "time_to_first_token_ms": 310,
    "duration_ms": 1840,
    "cost": "0.000123456",
    "citations": [],
    "tool_calls": [],
    "llm_params": {"temperature": 0.7, "max_tokens": 256},
    "input": ["안녕하세요", "你好"],
    "detail": "Session 3f2b8a54-6c1d-4f0e-9b57-2a4d8c6e1f90 not found.",
    "error": "Conversation 7 not found.",
    "code": "not_found",
    "errors": {"alias": ["Ensure this field has no more than 200 characters."]},
    "type": "about:blank",
    "param": "model",
    "context_window": 1_047_576,
    "max_output_tokens": 32_768,
    "dimensions": 1536,
    "limit": "5.00",
    "timezone": "Asia/Seoul",
    "spent": "1.234567890",
    "held": "0.000000000",
    "remaining": "3.765432110",
    "status": "running",
    "subject_id": "7d0f6c1a-58a4-4c1e-a1d2-0b9a3c5e7f21",
    "total_estimated_cost": 1.25,
    "estimated_cost": 1.25,
    "currency": "USD",
    "details": {
        "gpt-4.1-mini": {"prompt_tokens": 42, "completion_tokens": 17, "estimated_cost": 1.25}
    },
    "embedding": [0.0123, -0.0456, 0.0789],
    "index": 0,
    "purpose": "chat",
    "service_tier": "",
    "usage": {"input_tokens": 42, "output_tokens": 17},
    "price_id": 12,
    "corrects_id": _ID,
    "recorded_at": _TIME,
    "corrected_cost": "0.000123456",
    "problem": {"code": "provider_rate_limited", "status": 429, "detail": "…"},
    "group": "2026-03-01",
    "group_by": "day",
    "calls": 3,
    "unpriced_calls": 0,
    "input_tokens": 126,
    "cached_input_tokens": 0,
    "output_tokens": 51,
    "session_alias": "東京旅行の計画",
    "role": "user",
    "snippet": "…<mark>도쿄</mark>에서 하루 동안…",
    "rank": 0.61,
    "version": 1,
    "number": 1,
    "parent": 1,
    "active_message": 2,
    "service": "rini",
    "item": "input",
    "quantity": 42,
    "per_million": "0.400000000",
    "preview": "도쿄에서 하루 동안…",
    "child_ids": [4712],
    "sibling_ids": [4711, 4713],
    "root_ids": [4709],
    "temperature": 0.7,
    "max_tokens": 256,
    "max_new_tokens": 256,
    "next": "eyJhIjoiMjAyNi0wMy0wMSJ9",
    "cached_input": "0.100000000",
    "cache_write": "0.500000000",
    "output": "1.600000000",
    "above_input_tokens": 200_000,
    "database": "connected",
    "redis": "connected",
    "periodic_work": "on time",
    "periodic_work_last_run": _TIME,
    "message_count": 12,
    "user_message_count": 6,
    "assistant_message_count": 6,
    "first_message_at": _TIME,
    "last_message_at": _TIME,
    "models": ["openai/gpt-4.1-mini"],
    "reason": "openai does not accept this key.",
}

_SESSION = {"session_id": _ID, "created_at": _TIME}
_SAID = {
    "message_id": "4711",
    "role": "assistant",
    "content": "안녕하세요!",
    "created_at": _TIME,
    "token_usage": 12,
}
_CONVERSATION = {"conversation_id": 7, "title": "여행", "created_time": 1772357400}

ANSWERS: dict[tuple[str, str], Any] = {
    ("post", "/api/sessions/"): _SESSION,
    ("get", "/api/sessions/{session_id}/"): {**_SESSION, "last_accessed": _TIME, "metadata": {}},
    ("delete", "/api/sessions/{session_id}/"): {"message": "Session deleted", "session_id": _ID},
    ("get", "/api/sessions/{session_id}/messages/"): {"messages": [{**_SAID, "session_id": _ID}]},
    ("post", "/api/chat/"): _SAID,
    ("post", "/api/chat/stream/"): {"data": '{"content": "안녕"}'},
    ("get", "/api/health/"): {
        "status": "healthy",
        "database": "connected",
        "llm_server": "connected",
        "timestamp": _TIME,
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
    ("post", "/chat/"): {
        "response": "안녕하세요!",
        "usage": {"prompt_tokens": 8, "completion_tokens": 4, "total_tokens": 12},
        "model": "gpt-4.1-mini",
        "timestamp": _TIME,
    },
    ("post", "/chat/stream/"): {"stream_id": _ID, "status": "started"},
    ("get", "/chat/stream/{stream_id}/"): {
        "event": "chunk",
        "data": '{"type":"CHUNK","content":"안녕"}',
    },
    ("delete", "/chat/stream/{stream_id}/"): {"message": "Stream stopped", "stream_id": _ID},
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
        "timestamp": _TIME,
    },
}
"""Answers of the dialects, whose shapes are their clients' and not ours, by method and path."""

_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "안녕"}, "finish_reason": "stop"}
_COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1772357400,
    "model": "gpt-4.1-mini-2025-04-14",
    "choices": [_CHOICE],
    "usage": {"prompt_tokens": 8, "completion_tokens": 4, "total_tokens": 12},
}
_DELTA = '{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"안"}}]}'
_MODEL = {
    "id": "openai/gpt-4.1-mini",
    "object": "model",
    "created": 1735689600,
    "owned_by": "openai",
}
_EMBEDDING = {"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456]}

BY_MEDIA_TYPE: dict[tuple[str, str], dict[str, Any]] = {
    ("get", "/sessions/{session_id}/export/"): {
        "text/markdown": "# 東京旅行の計画\n\n**user**\n\n도쿄에서 하루 동안 무엇을 볼까요?\n"
    },
    ("get", "/usage/export/"): {
        "text/csv": "id,created_at,model,cost\n"
        "3f2b8a54-…,2026-03-01T09:30:00Z,gpt-4.1-mini,0.000123456\n"
    },
    ("post", "/v1/chat/completions/"): {
        "application/json": _COMPLETION,
        "text/event-stream": {"data": _DELTA},
    },
    ("post", "/v1/embeddings/"): {
        "application/json": {
            "object": "list",
            "data": [_EMBEDDING],
            "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 4, "total_tokens": 4},
        }
    },
    ("get", "/v1/models/"): {"application/json": {"object": "list", "data": [_MODEL]}},
    ("get", "/v1/models/{model}/"): {"application/json": _MODEL},
}
"""The same of answers that may be of several media types."""

OF_COMPONENTS: dict[str, dict[str, Any]] = {
    "Message": {"id": 4711},
    "Problem": {"title": "Not Found", "status": 404},
    "OpenAIErrorBody": {
        "type": "invalid_request_error",
        "message": "There is no model “gpt-9”.",
        "code": "model_not_found",
    },
    "ConversationRagNewConversation": {"model": "glm-4.6", "api_key": "sk-…"},
}
