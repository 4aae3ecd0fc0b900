"""Anthropic's Messages API over HTTP, for Claude and every server that speaks it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import chain
from typing import Any

from providers.errors import ProviderError, ProviderFailed, ProviderRefused, ProviderUnavailable
from providers.refusals import from_stream, scrubbed
from providers.types import (
    RAW,
    ChatRequest,
    Chunk,
    Completion,
    EmbeddingInput,
    Embeddings,
    Target,
)
from providers.wires.anthropic_translation.names import ToolNames
from providers.wires.anthropic_translation.request import body
from providers.wires.anthropic_translation.response import Answer, completion, events_of
from providers.wires.http import VendorClient, VendorResponse
from providers.wires.surrogates import parsed
from rini.translation import gettext as _
from rini.web import json_lines
from rini.web.sse import EventTooLong, Parser

VERSION = "2023-06-01"
MAX_WHOLE_BYTES = 16 * 1024 * 1024
_PASSED_ON = ("anthropic-beta", "anthropic-version")


class AnthropicWire:
    """`providers.types.Wire` for ``POST {base_url}/v1/messages`` and its neighbours.

    ``Target.options["anthropic_beta"]`` (a text, names with commas) goes along as the header.
    """

    def __init__(self, client: VendorClient | None = None) -> None:
        self._client = client or VendorClient()

    async def stream(self, target: Target, request: ChatRequest) -> AsyncGenerator[Chunk]:
        asked, names = body(target, request)
        response = await self.messages(target, asked | {"stream": True})
        async with aclosing(self._chunks(response, Reading(target, names))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def complete(self, target: Target, request: ChatRequest) -> Completion:
        """The whole answer, asked for as a stream: Anthropic advises it where an answer may take
        minutes, and a connection that says nothing for so long is given up on the way."""
        asked, names = body(target, request)
        response = await self.messages(target, asked | {"stream": True})
        reading = Reading(target, names)
        chunks: list[Chunk] = []
        try:
            while not reading.is_over:
                chunks += reading.feed(await response.piece())
            await response.finish()
        finally:
            response.close()
        if not reading.came_to_its_end:
            raise ProviderUnavailable(
                _("%(provider)s broke off its answer. Try again.") % {"provider": target.provider}
            )
        return completion(chunks)

    async def messages(
        self,
        target: Target,
        asked: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "v1/messages",
    ) -> VendorResponse:
        """The vendor's answer to a request in its own format, still to read and to close; of the
        caller's `headers` Anthropic's own go along. Raises ProviderError."""
        return await self._send("POST", path, target, asked, headers or {})

    async def relay(
        self, target: Target, asked: Mapping[str, Any], headers: Mapping[str, str]
    ) -> AsyncGenerator[Chunk]:
        """The stream of a request in Anthropic's own format: a chunk for each event, which it holds
        as `RAW`. Raises and ends as `stream` does."""
        response = await self.messages(target, {**asked, "stream": True}, headers)
        reading = Reading(target, ToolNames(), keeps_raw=True)
        async with aclosing(self._chunks(response, reading)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def relay_whole(
        self, target: Target, asked: Mapping[str, Any], headers: Mapping[str, str]
    ) -> tuple[bytes, Completion]:
        """The whole answer to a request in Anthropic's own format: as it came, and in OpenAI's."""
        response = await self.messages(target, asked, headers)
        try:
            raw = await response.whole()
        finally:
            response.close()
        message = parsed(raw)
        if not isinstance(message, dict) or message.get("type") != "message":
            raise _no_sense(message, raw, target)
        answer = Answer(ToolNames(), int(time.time()))
        return raw, completion(chain.from_iterable(map(answer.chunks, events_of(message))))

    async def embed(
        self, target: Target, inputs: Sequence[EmbeddingInput], params: Mapping[str, Any]
    ) -> Embeddings:
        """Always ProviderRefused: Anthropic's API has no embeddings."""
        raise ProviderRefused(
            _("%(provider)s makes no embeddings. Choose another model.")
            % {"provider": target.provider}
        )

    async def verify(self, target: Target) -> None:
        (await self._send("GET", "v1/models", target, None, {})).close()

    async def close(self) -> None:
        await self._client.close()

    async def _chunks(self, response: VendorResponse, reading: Reading) -> AsyncGenerator[Chunk]:
        try:
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

    async def _send(
        self,
        method: str,
        path: str,
        target: Target,
        asked: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> VendorResponse:
        own = {"anthropic-version": VERSION}
        if beta := target.options.get("anthropic_beta"):
            own["anthropic-beta"] = str(beta)
        own |= {name.lower(): headers[name] for name in headers if name.lower() in _PASSED_ON}
        if target.api_key is not None:
            own["x-api-key"] = target.api_key.reveal()
        url = f"{target.base_url.rstrip('/').removesuffix('/v1')}/{path}"
        return await self._client.send(method, url, target, headers=own, body=asked)


class Reading:
    """Makes chunks of a stream's bytes. What is no event is skipped; a broken one ends the stream,
    and so does the end of the body. A server that answers with a whole message in the place of a
    stream is read too. Raises where nothing came."""

    def __init__(self, target: Target, names: ToolNames, *, keeps_raw: bool = False) -> None:
        self._keeps_raw = keeps_raw
        self.began = False
        self.is_over = False
        self._target = target
        self._answer = Answer(names, int(time.time()))
        self._parser = Parser()
        self._opening = bytearray()

    @property
    def came_to_its_end(self) -> bool:
        """Whether the vendor itself said that this is all."""
        return self._answer.is_over

    def feed(self, piece: bytes) -> Iterator[Chunk]:
        """The chunks that `piece` ends; an empty piece is the end of the body."""
        if not self.began:
            self._opening += piece[: MAX_WHOLE_BYTES - len(self._opening)]
        for payload in self._payloads(piece):
            event = parsed(payload)
            if isinstance(event, dict):
                yield from self._chunks(event, payload)
            elif isinstance(event, bytes) and event.lstrip().startswith(b"{"):
                self.is_over = True
            if self.is_over or self._answer.is_over:
                break
        self.is_over = self.is_over or self._answer.is_over or not piece
        if self.is_over and not self.began:
            yield from self._whole(parsed(bytes(self._opening)))

    def _chunks(self, event: Mapping[str, Any], raw: bytes) -> Sequence[Chunk]:
        if event.get("type") == "error":
            raise from_stream(self._target.provider, event, key=self._target.api_key)
        chunks = self._answer.chunks(event)
        self.began = self.began or bool(chunks)
        if self._keeps_raw:
            first, *others = chunks or [{"choices": []}]
            return [{**first, RAW: raw}, *others]
        return chunks

    def _whole(self, answer: object) -> Iterator[Chunk]:
        if not isinstance(answer, dict) or answer.get("type") != "message":
            raise _no_sense(answer, bytes(self._opening), self._target)
        for event in events_of(answer):
            yield from self._chunks(event, json_lines.encoded(event))

    def _payloads(self, piece: bytes) -> list[bytes]:
        try:
            return self._parser.feed(piece)
        except EventTooLong:
            self.is_over = True
            return []


def _no_sense(answer: object, raw: bytes, target: Target) -> ProviderError:
    """The error for a 2xx answer that is not one: an error inside it, a page, or nothing."""
    if isinstance(answer, dict) and answer.get("error"):
        return from_stream(target.provider, answer, key=target.api_key)
    quoted = scrubbed(raw[:4096].decode(errors="replace"), target.api_key)[:80] or "nothing"
    return ProviderFailed(
        _(
            "%(provider)s did not answer in Anthropic's format. It begins: %(quoted)s. Check "
            "its base URL: it ends before the version (…/v1)."
        )
        % {"provider": target.provider, "quoted": quoted}
    )
