"""Anthropic's API as documented at docs.anthropic.com/en/api (messages, streaming, errors).

A stream is ``message_start`` (with the input's usage and an output of 1), per block
``content_block_start``, ``content_block_delta`` …, ``content_block_stop``, then ``message_delta``
(stop_reason and the cumulative usage) and ``message_stop``; ``ping`` may stand anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.vendors.script import Json, Part, Script, Tokens, said, text_of

MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5")
STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
ERRORS = {
    400: ("invalid_request_error", "max_tokens: Field required"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "model: {model}"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def stream(script: Script, body: Json) -> Iterator[Part]:
    opening: Json = _message(body, [], None)
    if script.usage:
        opening["usage"] = _input_usage(script.usage) | {"output_tokens": 1}
    yield _event("message_start", {"message": opening})
    for index, block in enumerate(_blocks(script, body)):
        yield from _block(index, block)
        if index == 0:
            yield _event("ping", {})
    if script.error_midway is not None:
        yield _event("error", {"error": script.error_midway})
        return
    delta = {"stop_reason": STOP_REASONS[script.finish], "stop_sequence": None}
    usage = {"usage": _usage(script.usage)} if script.usage else {}
    yield _event("message_delta", {"delta": delta, **usage})
    yield _event("message_stop", {})


def answer(script: Script, body: Json) -> Json:
    content = []
    for block, deltas in _blocks(script, body):
        whole = dict(block)
        for delta in deltas:
            kind = delta["type"].removesuffix("_delta")
            if kind == "input_json":
                whole["input"] = json.loads(delta["partial_json"])
            else:
                whole[kind] = whole.get(kind, "") + delta[kind]
        content.append(whole)
    message = _message(body, content, STOP_REASONS[script.finish])
    return message | ({"usage": _usage(script.usage)} if script.usage else {})


def error(status: int, body: Json, key: str) -> Json:
    kind, message = ERRORS.get(status, ERRORS[500])
    told = {"type": kind, "message": message.format(model=body.get("model"))}
    return {"type": "error", "error": told, "request_id": "req_played"}


def models() -> Json:
    rows = [
        {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "2025-11-20T00:00:00Z",
        }
        for name in MODELS
    ]
    return {"data": rows, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def question(body: Json) -> str:
    users = [m for m in body.get("messages") or [] if m.get("role") == "user"]
    return text_of(users[-1].get("content")) if users else ""


def _blocks(script: Script, body: Json) -> Iterator[tuple[Json, list[Json]]]:
    """Each content block at its start, and its deltas."""
    if script.reasoning:
        thoughts = [{"type": "thinking_delta", "thinking": text} for text in script.reasoning]
        signature = {"type": "signature_delta", "signature": "EqQBCgIYAh=="}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signature]
    if texts := said(script, question(body)):
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": t} for t in texts]
    for call in script.tool_calls:
        start = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield start, [{"type": "input_json_delta", "partial_json": call.arguments}]


def _block(index: int, block: tuple[Json, list[Json]]) -> Iterator[Part]:
    start, deltas = block
    yield _event("content_block_start", {"index": index, "content_block": start})
    for delta in deltas:
        is_piece = delta["type"] == "text_delta"
        yield _event("content_block_delta", {"index": index, "delta": delta}, is_piece=is_piece)
    yield _event("content_block_stop", {"index": index})


def _message(body: Json, content: list[Json], stop_reason: str | None) -> Json:
    return {
        "id": "msg_played",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }


def _event(name: str, payload: Json, *, is_piece: bool = False) -> Part:
    data = json.dumps({"type": name, **payload}, ensure_ascii=False)
    return Part(f"event: {name}\ndata: {data}\n\n".encode(), is_piece)


def _input_usage(tokens: Tokens) -> Json:
    """Anthropic's input_tokens leave out what was read from and written to the cache."""
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.cache_write,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
    }


def _usage(tokens: Tokens) -> Json:
    return _input_usage(tokens) | {"output_tokens": tokens.output}
