"""OpenAI's format over HTTP, for OpenAI and every vendor and server that speaks it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

import orjson

from providers.errors import ProviderError, ProviderFailed, ProviderRefused, ProviderUnavailable
from providers.events import as_chunk
from providers.refusals import from_stream, no_free_check, scrubbed
from providers.types import ChatRequest, Chunk, Completion, EmbeddingInput, Embeddings, Target
from providers.vendors import vendor
from providers.wires import learnt
from providers.wires.http import VendorClient, VendorResponse
from providers.wires.surrogates import Joiner
from providers.wires.surrogates import parsed as _parsed
from rini.translation import gettext as _
from rini.web.sse import EventTooLong, Parser


class OpenAIWire:
    """`providers.types.Wire` for ``POST {base_url}/chat/completions`` and its neighbours.

    The request's parameters go as they are, and so do the chunks and answers that come back.
    """

    def __init__(self, client: VendorClient | None = None) -> None:
        self._client = client or VendorClient()

    async def stream(self, target: Target, request: ChatRequest) -> AsyncGenerator[Chunk]:
        options = {**(request.params.get("stream_options") or {}), "include_usage": True}
        body = _body(target, request) | {"stream": True, "stream_options": options}
        response = await self._chat(target, body)
        reading = _Reading(target)
        try:
            if response.headers.get("Content-Type", "").startswith("application/json"):
                # Some servers answer whole, whatever they are asked for.
                yield as_chunk(_with("choices", _parsed(await response.whole()), target))
                return
            while not reading.is_over:
                try:
                    piece = await response.piece()
                except ProviderUnavailable:
                    if reading.began:
                        return
                    raise
                for chunk in reading.feed(piece):
                    yield chunk
            await response.finish()
        finally:
            response.close()

    async def complete(self, target: Target, request: ChatRequest) -> Completion:
        body = _body(target, request)
        body.pop("stream_options", None)
        response = await self._chat(target, body | {"stream": False})
        try:
            return _with("choices", _parsed(await response.whole()), target)
        finally:
            response.close()

    async def embed(
        self, target: Target, inputs: Sequence[EmbeddingInput], params: Mapping[str, Any]
    ) -> Embeddings:
        body = {**params, "model": target.model, "input": list(inputs)}
        return _with("data", await self._ask("POST", "embeddings", target, body), target)

    async def verify(self, target: Target) -> None:
        path = vendor(target.provider).free_check.strip("/")
        if not path:
            raise no_free_check(target.provider)
        answer = await self._ask("GET", path, target)
        if not isinstance(answer, dict):
            raise _no_sense(answer, target)

    async def models(self, target: Target) -> list[str]:
        """The names of the models that the server lists, in its order."""
        rows = _with("data", await self._ask("GET", "models", target), target)["data"]
        return [str(row["id"]) for row in rows if isinstance(row, Mapping) and "id" in row]

    async def close(self) -> None:
        await self._client.close()

    async def _chat(self, target: Target, body: Mapping[str, Any]) -> VendorResponse:
        """The vendor's answer, asked again for as long as its refusals teach how."""
        refused = learnt.refused_by(target)
        while True:
            fitted = learnt.fitted(body, refused)
            try:
                response = await self._send("POST", "chat/completions", target, fitted)
            except ProviderRefused as refusal:
                name = learnt.lesson(fitted, refusal, refused)
                if not name:
                    raise
                refused |= {name}
            else:
                learnt.remember(target, refused)
                return response

    async def _ask(
        self, method: str, path: str, target: Target, body: Mapping[str, Any] | None = None
    ) -> object:
        response = await self._send(method, path, target, body)
        try:
            return _parsed(await response.whole())
        finally:
            response.close()

    async def _send(
        self, method: str, path: str, target: Target, body: Mapping[str, Any] | None = None
    ) -> VendorResponse:
        headers = {}
        if target.api_key is not None:
            headers["Authorization"] = f"Bearer {target.api_key.reveal()}"
        url = f"{target.base_url.rstrip('/')}/{path}"
        return await self._client.send(method, url, target, headers=headers, body=body)


class _Reading:
    """Makes chunks of a stream's bytes. A frame that holds no object is passed over: servers send
    empty ones, and words of their own, to keep a connection open. A broken object ends the stream,
    and one without any chunk raises.
    """

    def __init__(self, target: Target) -> None:
        self.began = False
        self.is_over = False
        self._target = target
        self._parser = Parser()
        self._opening = b""
        self._halves = _Halves()

    def feed(self, piece: bytes) -> Iterator[Chunk]:
        """The chunks that `piece` ends; an empty piece is the end of the body."""
        if not self.began:
            self._opening += piece[: 4096 - len(self._opening)]
        try:
            payloads = self._parser.feed(piece)
        except EventTooLong:
            payloads, piece = [], b""
        for payload in payloads:
            if payload == b"[DONE]":
                piece = b""
                break
            chunk = _parsed(payload)
            if not isinstance(chunk, dict):
                if payload.lstrip().startswith(b"{"):
                    piece = (
                        b""  # a piece of the answer is lost: what follows does not make it whole
                    )
                    break
                continue
            if chunk.get("error"):
                raise from_stream(self._target.provider, chunk, key=self._target.api_key)
            self.began = True
            yield self._halves.joined(chunk)
        self.is_over = not piece
        if self.is_over and (rest := self._halves.rest()):
            yield rest
        if self.is_over and not self.began:
            raise _no_sense(self._opening, self._target)


class _Halves:
    """Joins the halves of characters that a vendor has cut in two, in the texts of its choices."""

    def __init__(self) -> None:
        self._joiners: dict[tuple[Any, ...], Joiner] = {}

    def joined(self, chunk: Chunk) -> Chunk:
        for choice in _objects(chunk.get("choices")):
            index, delta = choice.get("index", 0), choice.get("delta")
            if not isinstance(delta, dict):
                continue
            for name in _IN_PIECES & delta.keys():
                self._join((index, name), delta, name)
            for call in _objects(delta.get("tool_calls")):
                if isinstance(function := call.get("function"), dict):
                    self._join((index, "call", call.get("index")), function, "arguments")
        return chunk

    def rest(self) -> Chunk | None:
        """A last chunk with the halves whose other one never came; None if there are none."""
        held = [(place, joiner.rest()) for place, joiner in self._joiners.items()]
        choices = [
            {"index": index, "delta": {name: text}, "finish_reason": None}
            for (index, name, *more), text in held
            if text and not more
        ]
        return {"choices": choices} if choices else None

    def _join(self, place: tuple[Any, ...], holder: dict[str, Any], name: str) -> None:
        text = holder.get(name)
        if not isinstance(text, str) or (text.isascii() and place not in self._joiners):
            return
        holder[name] = self._joiners.setdefault(place, Joiner()).feed(text)


_IN_PIECES = frozenset(("content", "reasoning_content", "reasoning", "refusal"))


def _objects(values: object) -> list[dict[str, Any]]:
    return (
        [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    )


def _body(target: Target, request: ChatRequest) -> dict[str, Any]:
    return {**request.params, "model": target.model, "messages": list(request.messages)}


def _with(field: str, answer: object, target: Target) -> dict[str, Any]:
    """`answer` if it is an object with a list in `field`; raises what it is otherwise."""
    if isinstance(answer, dict) and isinstance(answer.get(field), list):
        return answer
    raise _no_sense(answer, target)


def _no_sense(answer: object, target: Target) -> ProviderError:
    """The error for a 2xx answer that is not one: an error inside it, a page, or nothing."""
    if isinstance(answer, bytes):
        answer = _parsed(answer)
    if isinstance(answer, dict) and answer.get("error"):
        return from_stream(target.provider, answer, key=target.api_key)
    text = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    quoted = scrubbed(text.decode(errors="replace"), target.api_key)[:80] or "nothing"
    return ProviderFailed(
        _(
            "%(provider)s did not answer in OpenAI's format. It begins: %(quoted)s. Check "
            "that the base URL is right and has its version (…/v1)."
        )
        % {"provider": target.provider, "quoted": quoted}
    )
