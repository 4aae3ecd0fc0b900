"""A body for each operation that works on a fresh installation: what "Try it out" sends.

Those whose paths or bodies name something that has to be made first are left to their fields'
examples.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_QUESTION = "서울에서 하루 동안 무엇을 볼까요?"
_MESSAGES = [{"role": "user", "content": _QUESTION}]
_DEMO = {"provider": "demo", "model": "demo"}
_ONE_SHOT = {
    "message": "こんにちは",
    "conversation_history": [{"role": "user", "content": "안녕하세요"}],
    "system_prompt": "简短地回答。",
    "model": "demo/demo",
}
BODIES: dict[tuple[str, str], Json] = {
    ("post", "/users/"): {"username": "하나", "password": "긴 암호 하나 둘 셋"},
    ("post", "/auth/token/"): {"username": "하나", "password": "긴 암호 하나 둘 셋"},
    ("post", "/tokens/"): {"name": "노트북", "allowed_models": ["demo/*"]},
    ("post", "/api-keys/"): {
        "model_provider": "openai",
        "api_key_value": "sk-of-your-own-0123456789",
        "description": "private",
    },
    ("post", "/sessions/"): {"alias": "東京旅行の計画", "tags": ["여행"]},
    ("post", "/sessions/import/"): {
        "format": "rini.session",
        "version": 1,
        "session": {"alias": "東京旅行の計画"},
        "messages": [
            {"number": 1, "parent": None, "role": "user", "content": _QUESTION},
            {"number": 2, "parent": 1, "role": "assistant", "content": "경복궁과 북촌이요."},
        ],
    },
    ("post", "/llm/text-completion/"): {"text": _QUESTION, **_DEMO},
    ("post", "/llm/chat-completions/"): {"messages": _MESSAGES, **_DEMO},
    ("post", "/llm/embeddings/"): {
        "input": ["안녕하세요", "你好"],
        "provider": "offline",
        "model": "multilingual-e5-small",
    },
    ("post", "/groups/"): {"name": "연구팀", "description": "東京の研究者"},
    ("post", "/knowledge-bases/"): {"name": "社内規程"},
    ("post", "/memory/import/"): {
        "version": 1,
        "memories": [{"content": "답은 짧게.", "memory_type": "User Instruction"}],
    },
    ("post", "/api/ai-sdk/chat/"): {
        "id": "여행",
        "messages": [{"id": "q1", "role": "user", "parts": [{"type": "text", "text": _QUESTION}]}],
        "model": "demo/demo",
    },
    ("post", "/agents/"): {
        "name": "여행 도우미",
        "model": "demo/demo",
        "system_prompt": "你是{{city}}的导游。",
        "variables": {"city": "서울"},
    },
    ("post", "/mcp-connections/"): {
        "name": "위키",
        "url": "https://mcp.example.org/mcp",
        "headers": {"Authorization": "Bearer wiki-0123456789"},
    },
    ("post", "/api/sessions/"): {"metadata": {"channel": "web"}},
    ("post", "/api/users/register/"): {"username": "두리", "password": "긴 암호 하나 둘 셋"},
    ("post", "/api/conversations/create/"): {"title": "東京旅行の計画", "model": "demo"},
    ("post", "/chat/"): _ONE_SHOT,
    ("post", "/chat/stream/"): _ONE_SHOT,
    ("post", "/v1/chat/completions/"): {"model": "demo/demo", "messages": _MESSAGES},
    ("post", "/v1/completions/"): {"model": "demo/demo", "prompt": _QUESTION},
    ("post", "/v1/embeddings/"): {
        "model": "offline/multilingual-e5-small",
        "input": ["안녕하세요", "你好"],
    },
    ("post", "/v1/responses/"): {"model": "demo/demo", "input": _QUESTION},
    ("post", "/v1/responses/compact/"): {"model": "demo/demo", "input": _QUESTION},
    ("post", "/v1/responses/input_tokens/"): {"model": "demo/demo", "input": _QUESTION},
    ("post", "/v1/conversations/"): {"metadata": {"주제": "여행"}},
    ("post", "/v1/vector_stores/"): {"name": "社内規程", "metadata": {"주제": "인사"}},
    ("post", "/v1/messages/"): {
        "model": "demo/demo",
        "max_tokens": 256,
        "messages": _MESSAGES,
    },
    ("post", "/v1/messages/count_tokens/"): {"model": "demo/demo", "messages": _MESSAGES},
}


def add_bodies(result: Json, **_: Any) -> Json:
    """drf-spectacular's postprocessing hook."""
    for (method, path), body in BODIES.items():
        result["paths"][path][method]["requestBody"]["content"]["application/json"]["example"] = (
            body
        )
    return result
