"""OpenAI's API as documented at platform.openai.com/docs (chat, embeddings, models)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from aiohttp import web

from tests.vendors.script import Json, Part, Script, Tokens, said, text_of
from tests.vendors.vectors import as_base64, vector

CREATED = 1_763_600_000
DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
MODELS = ("gpt-4o-mini", "gpt-4o", "text-embedding-3-small", "text-embedding-3-large")
ERRORS = {
    400: ("invalid_request_error", None, "Unrecognized request argument supplied: nonsense"),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    403: ("request_forbidden", "unsupported_country_region_territory", "Not available here."),
    404: ("invalid_request_error", "model_not_found", "The model `{model}` does not exist."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for {model}."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


def stream(script: Script, body: Json) -> Iterator[Part]:
    """A chat's answer; of a request with a prompt the text that goes on."""
    if "prompt" in body:
        yield from map(_as_text, _stream(script, body))
    else:
        yield from _stream(script, body)


def _as_text(part: Part) -> Part:
    """A chunk of ``/completions``: a choice has its text in it."""
    payload = part.data.removeprefix(b"data: ").strip()
    if payload == b"[DONE]":
        return part
    chunk = json.loads(payload) | {"object": "text_completion"}
    for choice in chunk.get("choices", ()):
        choice["text"] = choice.pop("delta").get("content", "")
    return Part(_data(chunk), part.is_piece)


def _stream(script: Script, body: Json) -> Iterator[Part]:
    choices = range(body.get("n") or 1)
    yield _event(body, [_choice(i, {"role": "assistant", "content": ""}) for i in choices])
    for text in script.reasoning:
        yield _event(body, [_choice(0, {"reasoning_content": text})])
    for text in said(script, question(body)):
        for i in choices:
            yield _event(body, [_choice(i, {"content": text})], is_piece=i == 0)
    yield from _tool_calls(script, body)
    if script.error_midway is not None:
        yield Part(_data({"error": script.error_midway}))
        return
    yield _event(body, [_choice(i, {}, script.finish) for i in choices])
    if script.usage and (body.get("stream_options") or {}).get("include_usage"):
        yield _event(body, [], usage=_usage(script.usage))
    yield Part(b"data: [DONE]\n\n")


def texts(script: Script, body: Json) -> web.Response:
    """The whole answer of ``/completions``."""
    whole = answer(script, body) | {"object": "text_completion"}
    for choice in whole["choices"]:
        choice["text"] = choice.pop("message")["content"]
    return web.json_response(whole)


def moderations(script: Script, body: Json) -> web.Response:
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    results = [{"flagged": "나쁜" in str(one), "categories": {}} for one in inputs]
    return web.json_response({"id": "modr-played", "model": body["model"], "results": results})


def rerank(script: Script, body: Json) -> web.Response:
    shared = [len(set(body["query"]) & set(text)) for text in body["documents"]]
    best = sorted(range(len(shared)), key=lambda i: -shared[i])
    results = [{"index": i, "relevance_score": shared[i] / 100} for i in best]
    usage = {"total_tokens": script.usage.input} if script.usage else None
    return web.json_response({"model": body["model"], "results": results, "usage": usage})


def pictures(script: Script, body: Json) -> web.Response:
    data = [{"b64_json": "aW1hZ2U="}] * (body.get("n") or 1)
    usage = (
        {
            "input_tokens": script.usage.input,
            "output_tokens": script.usage.output,
            "total_tokens": script.usage.input + script.usage.output,
            "input_tokens_details": {"text_tokens": script.usage.input, "image_tokens": 0},
        }
        if script.usage
        else None
    )
    return web.json_response({"created": CREATED, "data": data, "usage": usage})


def speech(script: Script, body: Json) -> web.Response:
    return web.Response(body=f"소리: {body['input']}".encode(), content_type="audio/mpeg")


def transcriptions(script: Script, body: Json) -> web.Response:
    name, recording = body["file"]
    text = f"{name}: {len(recording)}"
    if body.get("response_format") == "text":
        return web.Response(text=text)
    usage = {"type": "duration", "seconds": 9} if script.usage else None
    return web.json_response({"text": text, "usage": usage})


SERVICES: dict[str, Callable[[Script, Json], web.Response]] = {
    "/completions": texts,
    "/moderations": moderations,
    "/rerank": rerank,
    "/images/generations": pictures,
    "/audio/speech": speech,
    "/audio/transcriptions": transcriptions,
}


def answer(script: Script, body: Json) -> Json:
    message: Json = {"role": "assistant", "content": "".join(said(script, question(body)))}
    if script.reasoning:
        message["reasoning_content"] = "".join(script.reasoning)
    if script.tool_calls:
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in script.tool_calls
        ]
    choice = {"message": message, "logprobs": None, "finish_reason": script.finish}
    whole = {
        "id": "chatcmpl-played",
        "object": "chat.completion",
        "created": CREATED,
        "model": body.get("model"),
        "choices": [{"index": i, **choice} for i in range(body.get("n") or 1)],
        "system_fingerprint": "fp_played",
    }
    return whole | ({"usage": _usage(script.usage)} if script.usage else {})


def error(status: int, body: Json, key: str) -> Json:
    kind, code, message = ERRORS.get(status, ERRORS[500])
    message = message.format(key=key, model=body.get("model"))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def embeddings(script: Script, body: Json) -> Json:
    inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
    dimensions = body.get("dimensions") or DIMENSIONS.get(body["model"], 256)
    vectors = [vector(str(text), dimensions) for text in inputs]
    encoded = (
        [as_base64(v) for v in vectors] if body.get("encoding_format") == "base64" else vectors
    )
    whole: Json = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": i, "embedding": e} for i, e in enumerate(encoded)
        ],
        "model": body["model"],
    }
    if script.usage:
        tokens = sum(max(1, len(str(text)) // 4) for text in inputs)
        whole["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return whole


def models() -> Json:
    rows = [
        {"id": name, "object": "model", "created": CREATED, "owned_by": "openai"} for name in MODELS
    ]
    return {"object": "list", "data": rows}


def question(body: Json) -> str:
    if isinstance(prompt := body.get("prompt"), str):
        return prompt
    users = [m for m in body.get("messages") or [] if m.get("role") == "user"]
    return text_of(users[-1].get("content")) if users else ""


def _tool_calls(script: Script, body: Json) -> Iterator[Part]:
    for i, call in enumerate(script.tool_calls):
        function = {"name": call.name, "arguments": ""}
        begin = {"index": i, "id": call.id, "type": "function", "function": function}
        yield _event(body, [_choice(0, {"tool_calls": [begin]})])
        half = len(call.arguments) // 2
        for text in (call.arguments[:half], call.arguments[half:]):
            rest = {"index": i, "function": {"arguments": text}}
            yield _event(body, [_choice(0, {"tool_calls": [rest]})])


def _choice(index: int, delta: Json, finish: str | None = None) -> Json:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def _event(
    body: Json, choices: list[Json], *, usage: Json | None = None, is_piece: bool = False
) -> Part:
    chunk: Json = {
        "id": "chatcmpl-played",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": body.get("model"),
        "system_fingerprint": "fp_played",
        "choices": choices,
    }
    if (body.get("stream_options") or {}).get("include_usage"):
        chunk["usage"] = usage
    return Part(_data(chunk), is_piece)


def _data(payload: object) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def _usage(tokens: Tokens) -> Json:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning, "audio_tokens": 0},
    }
