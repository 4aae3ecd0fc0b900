"""Examples of answers that may be of several media types, those of OpenAI's and Anthropic's APIs
among them: by method and path."""

from __future__ import annotations

from typing import Any

_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "안녕"}, "finish_reason": "stop"}
_COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1772357400,
    "model": "gpt-4.1-mini-2025-04-14",
    "choices": [_CHOICE],
    "usage": {"prompt_tokens": 8, "completion_tokens": 4, "total_tokens": 12},
}
_ANTHROPICS = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "안녕하세요!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 8, "output_tokens": 4},
}
_BLOCK_DELTA = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"안"}}'
_DELTA = '{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"안"}}]}'
_MODEL = {
    "id": "openai/gpt-4.1-mini",
    "object": "model",
    "created": 1735689600,
    "owned_by": "openai",
}
_EMBEDDING = {"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456]}

_ITEM = {
    "id": "msg_3f2b8a54c1de4f7a9b0c1d2e3f4a5b6c",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "경복궁과 북촌이요.", "annotations": []}],
}
_RESPONSE = {
    "id": "resp_3f2b8a54c1de4f7a9b0c1d2e3f4a5b6c",
    "object": "response",
    "status": "completed",
    "model": "openai/gpt-4.1-mini",
    "output": [_ITEM],
}
_RESPONSE_DELTA = {
    "type": "response.output_text.delta",
    "sequence_number": 4,
    "item_id": _ITEM["id"],
    "output_index": 0,
    "content_index": 0,
    "delta": "경복궁",
}
_CONVERSATION = {
    "id": "conv_9b0c1d2e3f4a5b6c3f2b8a54c1de4f7a",
    "object": "conversation",
    "created_at": 1772357400,
    "metadata": {"주제": "여행"},
}
_ITEMS = {
    "object": "list",
    "data": [_ITEM],
    "first_id": _ITEM["id"],
    "last_id": _ITEM["id"],
    "has_more": False,
}
_STREAMED_RESPONSE = {
    "application/json": _RESPONSE,
    "text/event-stream": {"event": "response.output_text.delta", "data": _RESPONSE_DELTA},
}
_ONE_RESPONSE = "/v1/responses/{response_id}/"
_ONE_CONVERSATION = "/v1/conversations/{conversation_id}/"

_PART = {
    "text/event-stream": {"data": '{"type":"text-delta","id":"1","delta":"경복궁"}'},
    "text/plain": "messages[0].parts: This text is empty.",
}

BY_MEDIA_TYPE: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/api/ai-sdk/chat/"): _PART,
    ("get", "/api/ai-sdk/chat/{chat_id}/"): _PART,
    ("get", "/api/ai-sdk/chat/{chat_id}/stream/"): _PART,
    ("delete", "/api/ai-sdk/chat/{chat_id}/stream/"): _PART,
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
    ("post", "/v1/completions/"): {
        "application/json": {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1772357400,
            "model": "qwen3:8b",
            "choices": [{"text": "안녕", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        },
        "text/event-stream": {"data": '{"id":"cmpl-1","choices":[{"index":0,"text":"안"}]}'},
    },
    ("post", "/v1/embeddings/"): {
        "application/json": {
            "object": "list",
            "data": [_EMBEDDING],
            "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 4, "total_tokens": 4},
        }
    },
    ("post", "/v1/moderations/"): {
        "application/json": {
            "id": "modr-1",
            "model": "omni-moderation-latest",
            "results": [{"flagged": False, "categories": {"violence": False}}],
        }
    },
    ("post", "/v1/rerank/"): {
        "application/json": {"results": [{"index": 1, "relevance_score": 0.93}]}
    },
    ("post", "/v1/images/generations/"): {
        "application/json": {"created": 1772357400, "data": [{"b64_json": "iVBORw0KGgo…"}]},
        "text/event-stream": {"data": '{"type":"image_generation.partial_image","b64_json":"iV…"}'},
    },
    ("post", "/v1/audio/speech/"): {
        "audio/mpeg": "(the bytes of the recording)",
        "text/event-stream": {"data": '{"type":"speech.audio.delta","audio":"UklGR…"}'},
    },
    ("post", "/v1/audio/transcriptions/"): {
        "application/json": {"text": "안녕하세요, 반갑습니다."},
        "text/plain": "안녕하세요, 반갑습니다.",
        "text/event-stream": {"data": '{"type":"transcript.text.delta","delta":"안녕"}'},
    },
    ("post", "/v1/messages/"): {
        "application/json": _ANTHROPICS,
        "text/event-stream": {"event": "content_block_delta", "data": _BLOCK_DELTA},
    },
    ("post", "/v1/messages/count_tokens/"): {"application/json": {"input_tokens": 8}},
    ("post", "/v1/responses/"): _STREAMED_RESPONSE,
    ("get", _ONE_RESPONSE): _STREAMED_RESPONSE,
    ("delete", _ONE_RESPONSE): {
        "application/json": {"id": _RESPONSE["id"], "object": "response", "deleted": True}
    },
    ("post", f"{_ONE_RESPONSE}cancel/"): {"application/json": {**_RESPONSE, "status": "cancelled"}},
    ("get", f"{_ONE_RESPONSE}input_items/"): {"application/json": _ITEMS},
    ("post", "/v1/responses/compact/"): {
        "application/json": {
            "id": _RESPONSE["id"],
            "object": "response.compaction",
            "created_at": 1772357400,
            "output": [
                {"id": "cmp_1", "type": "compaction", "encrypted_content": "rini-compaction:6rK9…"}
            ],
        }
    },
    ("post", "/v1/responses/input_tokens/"): {
        "application/json": {"object": "response.input_tokens", "input_tokens": 8}
    },
    ("post", "/v1/conversations/"): {"application/json": _CONVERSATION},
    ("get", _ONE_CONVERSATION): {"application/json": _CONVERSATION},
    ("post", _ONE_CONVERSATION): {"application/json": _CONVERSATION},
    ("delete", _ONE_CONVERSATION): {
        "application/json": {
            "id": _CONVERSATION["id"],
            "object": "conversation.deleted",
            "deleted": True,
        }
    },
    ("get", f"{_ONE_CONVERSATION}items/"): {"application/json": _ITEMS},
    ("post", f"{_ONE_CONVERSATION}items/"): {"application/json": _ITEMS},
    ("get", f"{_ONE_CONVERSATION}items/{{item_id}}/"): {"application/json": _ITEM},
    ("get", "/v1/models/"): {"application/json": {"object": "list", "data": [_MODEL]}},
    ("get", "/v1/models/{model}/"): {"application/json": _MODEL},
}
