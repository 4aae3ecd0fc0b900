"""A stand-in for a model: it answers offline, the same every time, and says what it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from providers.errors import ProviderRefused
from providers.types import (
    ChatMessage,
    ChatRequest,
    Chunk,
    Completion,
    EmbeddingInput,
    Embeddings,
    Target,
)
from providers.wires.sample_values import value_for

_ANSWERS = {
    "ko": "저는 Rini의 데모 모델이며 진짜 언어 모델이 아닙니다. 이렇게 물으셨습니다: “{question}” "
    "진짜 답을 받으려면 제공자의 API 키를 추가하세요.",
    "ja": "私はRiniのデモモデルで、本物の言語モデルではありません。ご質問は「{question}」ですね。"
    "本物の回答を得るには、プロバイダーのAPIキーを追加してください。",
    "zh": "我是 Rini 的演示模型，不是真正的语言模型。您问的是：“{question}” "
    "要得到真正的回答，请添加提供商的 API 密钥。",
    "en": "I am Rini's demo model and no real language model. You asked: “{question}” "
    "To get real answers, add the API key of a provider.",
}
_SCRIPTS = {"ko": r"[가-힣ㄱ-ㆎ]", "ja": r"[ぁ-ヿ]", "zh": r"[㐀-鿿]"}
_PIECE = re.compile(r"\s*(?:[ぁ-ヿ㐀-鿿]{1,3}|[^\sぁ-ヿ㐀-鿿]+)|\s+")
_QUOTED = 2000


class DemoWire:
    """`providers.types.Wire` without a vendor. Every piece of its answer counts as one token.

    It keeps to what frameworks rely on: a forced tool is called, and a schema for the answer is
    kept to, with values that mean nothing. `tokens_per_second` is its pace; 0 answers at once.
    """

    def __init__(self, tokens_per_second: float = 30) -> None:
        self._delay = 1 / tokens_per_second if tokens_per_second else 0

    async def stream(self, target: Target, request: ChatRequest) -> AsyncGenerator[Chunk]:
        answer = _answer(request)
        yield _chunk(target, {"role": "assistant", "content": ""})
        for piece in answer.pieces:
            await asyncio.sleep(self._delay)
            yield _chunk(target, {"content": piece} if answer.call is None else answer.part(piece))
        yield _chunk(target, {}, answer.reason)
        yield _object(target, "chat.completion.chunk", [], _usage(request, answer.pieces))

    async def complete(self, target: Target, request: ChatRequest) -> Completion:
        answer = _answer(request)
        await asyncio.sleep(self._delay * len(answer.pieces))
        choice = {"index": 0, "message": answer.message(), "finish_reason": answer.reason}
        return _object(target, "chat.completion", [choice], _usage(request, answer.pieces))

    async def embed(
        self, target: Target, inputs: Sequence[EmbeddingInput], params: Mapping[str, Any]
    ) -> Embeddings:
        """Always ProviderRefused: vectors without a meaning would spoil what is stored."""
        raise ProviderRefused("The demo model makes no embeddings. Choose an embedding model.")

    async def verify(self, target: Target) -> None:
        """There is no key, so it is good."""

    async def close(self) -> None:
        """There are no connections."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is answered, in pieces: text, or the arguments of a call of the tool named `call`."""

    pieces: Sequence[str]
    reason: str
    call: str | None = None

    def message(self) -> dict[str, Any]:
        text = "".join(self.pieces)
        if self.call is None:
            return {"role": "assistant", "content": text}
        call = {**_CALL, "function": {"name": self.call, "arguments": text}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    def part(self, piece: str) -> dict[str, Any]:
        """A piece as a stream's delta; the first one says which tool it is."""
        if piece is not self.pieces[0]:
            return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        named = {"name": self.call, "arguments": piece}
        return {"tool_calls": [{"index": 0, **_CALL, "function": named}]}


_CALL = {"id": "call_demo", "type": "function"}


def _answer(request: ChatRequest) -> _Answer:
    tool = _forced_tool(request)
    if tool is not None:
        name, schema = tool
        return _limited([_json(value_for(schema))], request, "tool_calls", name)
    schema = _answers_schema(request.params.get("response_format"))
    if schema is not None:
        return _limited(_pieces(_json(value_for(schema))), request)
    question = _question(request.messages)
    text = _ANSWERS[_language(question)].format(question=question[:_QUOTED])
    return _limited(_pieces(text), request)


def _limited(
    pieces: list[str], request: ChatRequest, reason: str = "stop", call: str | None = None
) -> _Answer:
    """The answer, cut where the request's limit of tokens is, and why it ends there."""
    limit = request.params.get("max_completion_tokens") or request.params.get("max_tokens")
    if isinstance(limit, int) and limit < len(pieces):
        return _Answer(pieces[: max(0, limit)], "length", call)
    return _Answer(pieces, reason, call)


def _forced_tool(request: ChatRequest) -> tuple[str, Any] | None:
    """The tool that has to be called, and the schema of its arguments.

    One that was called already, and has answered, is not called again: the turn would never end.
    """
    choice, tools = request.params.get("tool_choice"), request.params.get("tools")
    is_free = choice in (None, "auto", "none")
    if not isinstance(tools, list) or is_free or _has_result(request):
        return None
    named = choice.get("function", {}).get("name") if isinstance(choice, Mapping) else None
    for tool in tools:
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and named in {None, function.get("name")}:
            return str(function.get("name")), function.get("parameters") or {"type": "object"}
    return None


def _has_result(request: ChatRequest) -> bool:
    return bool(request.messages) and request.messages[-1].get("role") == "tool"


def _answers_schema(form: object) -> object:
    """The schema that the answer has to keep to; None: any text will do."""
    if not isinstance(form, Mapping):
        return None
    if form.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    described = form.get("json_schema")
    if form.get("type") != "json_schema" or not isinstance(described, Mapping):
        return None
    return described.get("schema") or {"type": "object"}


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _question(messages: Sequence[ChatMessage]) -> str:
    """The text of the last user message."""
    users = (message for message in reversed(messages) if message.get("role") == "user")
    content = next(users, {}).get("content")
    if isinstance(content, list):
        content = " ".join(_texts(content))
    return content.strip() if isinstance(content, str) else ""


def _texts(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield part["text"]


def _language(text: str) -> str:
    """By script: Hangul is Korean, kana Japanese, Han without either Chinese, the rest English."""
    return next((name for name, script in _SCRIPTS.items() if re.search(script, text)), "en")


def _pieces(text: str) -> list[str]:
    """Words with the space before them; of Chinese and Japanese, three characters at a time."""
    return _PIECE.findall(text)


def _usage(request: ChatRequest, pieces: Sequence[str]) -> dict[str, int]:
    asked = [message.get("content") for message in request.messages]
    texts = [" ".join(_texts(a)) if isinstance(a, list) else str(a or "") for a in asked]
    into = sum(len(_pieces(text)) for text in texts)
    out = len(pieces)
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}


def _chunk(target: Target, delta: dict[str, Any], reason: str | None = None) -> Chunk:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _object(target, "chat.completion.chunk", [choice])


def _object(
    target: Target, kind: str, choices: list[Any], usage: dict[str, int] | None = None
) -> dict[str, Any]:
    whole = {"id": "chatcmpl-demo", "object": kind, "created": 0, "model": target.model}
    return {**whole, "choices": choices, **({"usage": usage} if usage else {})}
