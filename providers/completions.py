"""Texts to go on from, as OpenAI's old ``/completions`` has them.

A server of one's own goes on from the text itself, which base models and those that fill in code
need. Vendors' models know chats alone: to them it is what a user says.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import orjson

from accounts.authentication import Caller
from billing.holds import Payer
from billing.purposes import Purpose
from providers import access, catalogue
from providers.gateway import Call, check_size
from providers.naming import find_provider, invalid
from providers.types import ChatRequest, Chunk, Completion, Target
from providers.wires.openai import OpenAIWire
from rini.translation import gettext as _

WIRE = "openai"
Prompt = str | list[Any]
"""A text, or what a server of one's own takes in its place: several, or token ids."""
_NOT_IN_CHATS = ("suffix", "logprobs", "echo")
_MEANS_NOTHING = (None, False)


class TextCall(Call):
    """One metered call with a text to go on from. Its answers are read as those of chats."""

    def __init__(
        self, target: Target, prompt: Prompt, params: Mapping[str, Any], payer: Payer
    ) -> None:
        super().__init__(target, _as_chat(prompt, params), payer)
        self._prompt = prompt

    def _stream(self) -> AsyncGenerator[Chunk, None]:
        return _wire(self).stream_text(self.target, self._prompt, self.request.params)

    async def _complete(self) -> Completion:
        return await _wire(self).complete_text(self.target, self._prompt, self.request.params)


def prepare(caller: Caller, model: str, prompt: Prompt, params: Mapping[str, Any]) -> Call:
    """The call for what a caller asked. Needs the database.

    Raises as `catalogue.resolve`, and `InvalidInput` for a request that holds too much, or that a
    model of chats cannot be asked.
    """
    request = _as_chat(prompt, params)
    check_size(request)
    target = catalogue.resolve(caller, provider=None, model=model).target
    payer = Payer.of(caller, Purpose.CHAT)
    if target.wire == WIRE and access.is_own_server(find_provider(target.provider)):
        return TextCall(target, prompt, params, payer)
    if isinstance(prompt, list):
        raise invalid("prompt", "invalid_input", _("This model takes a single text."))
    for name in _NOT_IN_CHATS:
        if params.get(name) not in _MEANS_NOTHING:
            raise invalid(
                name, "invalid_input", _("%(name)s is not for models of chats.") % {"name": name}
            )
    spoken = {name: value for name, value in params.items() if name not in _NOT_IN_CHATS}
    return Call(target, ChatRequest(request.messages, spoken), payer)


def _as_chat(prompt: Prompt, params: Mapping[str, Any]) -> ChatRequest:
    """What a call is metered by: the text, or texts and token ids as JSON."""
    text = prompt if isinstance(prompt, str) else orjson.dumps(prompt).decode()
    return ChatRequest([{"role": "user", "content": text}], params)


def _wire(call: TextCall) -> OpenAIWire:
    return cast(OpenAIWire, call._wire)
