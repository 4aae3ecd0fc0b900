"""Gemini over HTTP, in Google's own format (https://ai.google.dev/api)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import orjson

from providers.errors import ProviderError, ProviderFailed, ProviderUnavailable
from providers.refusals import from_stream, no_free_check, scrubbed
from providers.types import ChatRequest, Chunk, Completion, EmbeddingInput, Embeddings, Target
from providers.vendors import vendor
from providers.wires.gemini_translation.answers import Answer
from providers.wires.gemini_translation.embeddings import embedding_body, embeddings
from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.gemini_translation.requests import number_of_choices, request_body
from providers.wires.http import VendorClient, VendorResponse
from providers.wires.surrogates import parsed
from rini.translation import gettext as _
from rini.web.sse import EventTooLong, Parser

AFTER_THE_END = 0.2
"""Seconds in which a stream may still say something once every choice has its end: its body ends
there, and there is no marker for it."""
MAX_WHOLE_BYTES = 16 * 1024 * 1024
_IN_PIECES = frozenset(("text",))
_WHOLE: frozenset[str] = frozenset()


class GeminiWire:
    """`providers.types.Wire` for ``POST {base_url}/models/{model}:generateContent`` and its
    neighbours."""

    def __init__(self, client: VendorClient | None = None) -> None:
        self._client = client or VendorClient()

    async def stream(self, target: Target, request: ChatRequest) -> AsyncGenerator[Chunk]:
        model = GeminiModel(target.provider, target.model)
        body = request_body(request, model)
        path = _path(model, "streamGenerateContent?alt=sse")
        response = await self._send("POST", path, target, body)
        try:
            reading = _Reading(target, _answer(target, model, request, body, response))
            while not reading.is_over:
                for chunk in reading.feed(await _next(response, reading)):
                    yield chunk
        finally:
            response.close()

    async def complete(self, target: Target, request: ChatRequest) -> Completion:
        model = GeminiModel(target.provider, target.model)
        body = request_body(request, model)
        response = await self._send("POST", _path(model, "generateContent"), target, body)
        try:
            told = parsed(await response.whole(), _WHOLE)
        finally:
            response.close()
        answer = _answer(target, model, request, body, response)
        completion = answer.completion(told) if isinstance(told, dict) else None
        if completion is None:
            raise _no_sense(told, target)
        return completion

    async def embed(
        self, target: Target, inputs: Sequence[EmbeddingInput], params: Mapping[str, Any]
    ) -> Embeddings:
        """Texts only; ``encoding_format`` is not passed on: the vectors are lists of numbers."""
        model = GeminiModel(target.provider, target.model)
        body = embedding_body(inputs, params, model)
        response = await self._send("POST", _path(model, "batchEmbedContents"), target, body)
        try:
            told = parsed(await response.whole(), _WHOLE)
        finally:
            response.close()
        answer = embeddings(told, model)
        if answer is None:
            raise _no_sense(told, target)
        return answer

    async def verify(self, target: Target) -> None:
        if not vendor(target.provider).free_check:
            raise no_free_check(target.provider)
        (await self._send("GET", "models", target)).close()

    async def close(self) -> None:
        await self._client.close()

    async def _send(
        self, method: str, path: str, target: Target, body: Mapping[str, Any] | None = None
    ) -> VendorResponse:
        headers = {}
        if target.api_key is not None:
            headers["x-goog-api-key"] = target.api_key.reveal()
        url = f"{target.base_url.rstrip('/')}/{path}"
        return await self._client.send(method, url, target, headers=headers, body=body)


class _Reading:
    """Makes chunks of a stream's bytes. Events that make no sense are skipped; a stream without a
    single one that does raises. An answer that comes as whole JSON, one object or a list of them,
    is one too."""

    def __init__(self, target: Target, answer: Answer) -> None:
        self.began = False
        self.is_over = False
        self.answer = answer
        self._target = target
        self._parser = Parser()
        self._opening = b""
        self._json: bytearray | None = None

    def feed(self, piece: bytes) -> Iterator[Chunk]:
        """The chunks that `piece` ends; an empty piece is the end of the body."""
        if not self.began:
            self._opening += piece[: 4096 - len(self._opening)]
        for event in self._events(piece):
            if isinstance(event, Mapping) and (chunk := self._chunk(event)):
                self.began = True
                yield chunk
        self.is_over = not piece
        if self.is_over and not self.began:
            raise _no_sense(self._opening, self._target)

    def _events(self, piece: bytes) -> list[Any]:
        if self._json is None and not self.began and self._opening.lstrip()[:1] in (b"{", b"["):
            self._json = bytearray()
        if self._json is not None:
            return self._gathered(self._json, piece)
        try:
            return [parsed(payload, _IN_PIECES) for payload in self._parser.feed(piece)]
        except EventTooLong:
            raise ProviderFailed(
                _("%(provider)s sent a piece that is too long.")
                % {"provider": self._target.provider}
            ) from None

    def _gathered(self, body: bytearray, piece: bytes) -> list[Any]:
        """The answers in a body of JSON, once it has all come."""
        body += piece
        if len(body) > MAX_WHOLE_BYTES:
            raise ProviderFailed(
                _("%(provider)s sent an answer that is too long.")
                % {"provider": self._target.provider}
            )
        told = [] if piece else parsed(bytes(body), _IN_PIECES)
        return told if isinstance(told, list) else [told]

    def _chunk(self, event: Mapping[str, Any]) -> Chunk | None:
        if event.get("error"):
            raise from_stream(self._target.provider, event, key=self._target.api_key)
        return self.answer.chunk(event)


async def _next(response: VendorResponse, reading: _Reading) -> bytes:
    """The next bytes of a stream; a connection that breaks after the first chunk is its end."""
    try:
        if not reading.answer.has_ended:
            return await response.piece()
        async with asyncio.timeout(AFTER_THE_END):
            return await response.piece()
    except TimeoutError:
        return b""
    except ProviderUnavailable:
        if reading.began:
            return b""
        raise


def _answer(
    target: Target,
    model: GeminiModel,
    request: ChatRequest,
    body: Mapping[str, Any],
    response: VendorResponse,
) -> Answer:
    """What the vendor says of the tier that it served, else the one that was asked for."""
    tier = response.headers.get("x-gemini-service-tier") or body.get("serviceTier")
    return Answer(
        target.model,
        created=int(time.time()),
        new_id=lambda: f"call_{uuid4().hex}",
        choices=number_of_choices(request.params, model),
        tier=tier,
    )


def _path(model: GeminiModel, method: str) -> str:
    kind, _, name = model.path.partition("/")
    return f"{kind}/{quote(name, safe='')}:{method}"


def _no_sense(answer: object, target: Target) -> ProviderError:
    """The error for a 2xx answer that is not one: an error inside it, a page, or nothing."""
    if isinstance(answer, bytes):
        answer = parsed(answer)
    if isinstance(answer, dict) and answer.get("error"):
        return from_stream(target.provider, answer, key=target.api_key)
    text = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    quoted = scrubbed(text.decode(errors="replace"), target.api_key)[:80] or "nothing"
    return ProviderFailed(
        _(
            "%(provider)s did not answer in Gemini's format. It begins: %(quoted)s. Check "
            "that the base URL is right and has its version (…/v1beta)."
        )
        % {"provider": target.provider, "quoted": quoted}
    )
