"""Gemini's API as documented at ai.google.dev/api (generateContent, embeddings, models).

A stream's events are whole ``GenerateContentResponse`` objects; the usage so far stands in each,
the ``finishReason`` in the last. ``thoughtsTokenCount`` comes on top of ``candidatesTokenCount``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.vendors.script import Json, Part, Script, Tokens, said, text_of
from tests.vendors.vectors import vector

MODELS = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001")
FINISH_REASONS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}
STATUSES = {
    400: ("INVALID_ARGUMENT", "Invalid value at 'generation_config'"),
    403: ("PERMISSION_DENIED", "Method doesn't allow unregistered callers."),
    404: ("NOT_FOUND", "models/{model} is not found for API version v1beta."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
}
RPC = "type.googleapis.com/google.rpc."


def stream(script: Script, body: Json) -> Iterator[Part]:
    def event(parts: list[Json], finish: str | None = None, done: int = 0) -> bytes:
        return _data(_response(script, body, parts, finish, done))

    for text in script.reasoning:
        yield Part(event([{"text": text, "thought": True}]))
    texts = said(script, question(body))
    for number, text in enumerate(texts, 1):
        yield Part(event([{"text": text}], done=number), is_piece=True)
    if script.tool_calls:
        yield Part(event(_calls(script)))
    if script.error_midway is not None:
        yield Part(_data({"error": script.error_midway}))
        return
    yield Part(event([{"text": ""}], FINISH_REASONS[script.finish], len(texts)))


def answer(script: Script, body: Json) -> Json:
    parts: list[Json] = []
    if script.reasoning:
        parts.append({"text": "".join(script.reasoning), "thought": True})
    if texts := said(script, question(body)):
        parts.append({"text": "".join(texts)})
    parts += _calls(script)
    return _response(script, body, parts, FINISH_REASONS[script.finish], len(texts))


def error(status: int, body: Json, key: str) -> Json:
    if status == 401:
        return _error(400, "INVALID_ARGUMENT", f"API key not valid: {key}", _key_invalid())
    name, message = STATUSES.get(status, STATUSES[500])
    retry = [{"@type": f"{RPC}RetryInfo", "retryDelay": "37s"}] if status == 429 else []
    return _error(status, name, message.format(model=body.get("model")), retry)


def embeddings(script: Script, body: Json) -> Json:
    """``embedContent`` for one text, ``batchEmbedContents`` for several."""
    if "requests" in body:
        return {"embeddings": [_embedding(request) for request in body["requests"]]}
    return {"embedding": _embedding(body)}


def models() -> Json:
    rows = [
        {
            "name": f"models/{name}",
            "version": "001",
            "displayName": name,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
        for name in MODELS
    ]
    return {"models": rows}


def question(body: Json) -> str:
    users = [c for c in body.get("contents") or [] if c.get("role", "user") == "user"]
    return text_of(users[-1].get("parts")) if users else ""


def _response(
    script: Script, body: Json, parts: list[Json], finish: str | None, pieces_done: int
) -> Json:
    candidates = []
    for index in range((body.get("generationConfig") or {}).get("candidateCount", 1)):
        candidate: Json = {"content": {"parts": parts, "role": "model"}}
        if index:  # protobuf leaves out a zero
            candidate["index"] = index
        if finish:
            candidate["finishReason"] = finish
        candidates.append(candidate)
    response: Json = {
        "candidates": candidates,
        "modelVersion": body.get("model"),
        "responseId": "played",
    }
    if script.usage:
        response["usageMetadata"] = _usage(script.usage, pieces_done, whole=finish is not None)
    return response


def _usage(tokens: Tokens, pieces_done: int, *, whole: bool) -> Json:
    visible = tokens.output - tokens.reasoning if whole else pieces_done
    usage = {
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": visible,
        "totalTokenCount": tokens.input + visible + tokens.reasoning,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens.input}],
    }
    if tokens.cached:
        usage["cachedContentTokenCount"] = tokens.cached
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": tokens.cached}]
    if tokens.reasoning:
        usage["thoughtsTokenCount"] = tokens.reasoning
    return usage


def _calls(script: Script) -> list[Json]:
    return [
        {"functionCall": {"name": call.name, "args": json.loads(call.arguments)}}
        for call in script.tool_calls
    ]


def _embedding(request: Json) -> Json:
    dimensions = request.get("outputDimensionality") or 3072
    return {"values": vector(text_of(request["content"]["parts"]), dimensions)}


def _error(code: int, status: str, message: str, details: list[Json]) -> Json:
    told: Json = {"code": code, "message": message, "status": status}
    return {"error": told | ({"details": details} if details else {})}


def _key_invalid() -> list[Json]:
    info = {"@type": f"{RPC}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return [{**info, "metadata": {"service": "generativelanguage.googleapis.com"}}]


def _data(payload: object) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\r\n\r\n"
