"""Claude in Anthropic's own format: what its vendor says is passed on as it is, and metered.

`providers.gateway` is the way for everything that is asked in OpenAI's format.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from billing.holds import Payer
from providers.gateway import Call, check_size
from providers.types import RAW, ChatRequest, Chunk, Completion, Target
from providers.wires.anthropic import AnthropicWire
from providers.wires.registry import wire_named

WIRE = "anthropic"
"""The wire whose vendors speak the format."""
_LONGER_WINDOW = "context-1m"
"""In the header of betas: the model reads more than the catalogue knows."""
Fields = Mapping[str, Any]
"""A request's, but for ``model`` and ``stream``."""
Headers = Mapping[str, str]


class MessagesCall(Call):
    """One metered call. Read either `relayed` or `message`, once.

    Raises `InvalidInput` as `Call` does, and for a request that holds too much.
    """

    def __init__(self, target: Target, fields: Fields, headers: Headers, payer: Payer) -> None:
        request = _as_request(fields)
        check_size(request)
        if _LONGER_WINDOW in headers.get("anthropic-beta", ""):
            target = replace(target, context_window=None)
        super().__init__(target, request, payer)
        self._asked = {**fields, "model": target.model}
        self._headers = headers
        self._raw = b""

    async def relayed(self) -> AsyncGenerator[bytes, None]:
        """The vendor's events, each as the JSON that it sent. Raises `ProviderError`."""
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                if raw := chunk.get(RAW):
                    yield raw

    async def message(self) -> bytes:
        """The vendor's whole answer, as it sent it. Raises `ProviderError`."""
        await self.completion()
        return self._raw

    def _stream(self) -> AsyncGenerator[Chunk, None]:
        return _wire().relay(self.target, self._asked, self._headers)

    async def _complete(self) -> Completion:
        self._raw, completion = await _wire().relay_whole(self.target, self._asked, self._headers)
        return completion


async def count_tokens(target: Target, fields: Fields, headers: Headers) -> bytes:
    """What the vendor says of a request's size, as it says it; counting costs nothing.

    Raises `InvalidInput` for a request that holds too much, and `ProviderError`.
    """
    check_size(_as_request(fields))
    asked = {**fields, "model": target.model}
    response = await _wire().messages(target, asked, headers, path="v1/messages/count_tokens")
    try:
        return await response.whole()
    finally:
        response.close()


def _as_request(fields: Fields) -> ChatRequest:
    params = {name: value for name, value in fields.items() if name != "messages"}
    return ChatRequest(fields["messages"], params)


def _wire() -> AnthropicWire:
    return cast(AnthropicWire, wire_named(WIRE))
