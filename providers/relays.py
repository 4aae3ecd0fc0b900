"""The one way to ask for a vendor's other services: passed on as they are, and metered as
`providers.gateway` does.

The request goes as it came, but for the model's name, and the answer comes back byte for byte.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from accounts.authentication import Caller
from billing.holds import Payer
from billing.ledger import Outcome
from billing.models import UsageSource, UsageStatus
from billing.usage import Usage
from providers import access, catalogue, demands, relayed, token_counts
from providers.errors import ProviderError
from providers.metering import Metered
from providers.models import Model, ModelKind
from providers.naming import find_model, find_provider, invalid, wrong_with_provider
from providers.relayed import Service
from providers.types import Target
from providers.wires.http import SentFile
from providers.wires.openai import OpenAIWire
from rini.errors import InvalidInput
from rini.translation import gettext as _
from rini.web.sse import EventTooLong, Parser

WIRE = "openai"
_BARE = "openai"
"""Whose a model is that nobody lists and whose name says no provider."""
_FIELD = re.compile(r"[\w.-]{1,64}(?:\[\w{0,64}\])?")
"""What may name a field of a form: nothing that could be read as another one, such as the model."""
_MOST_READ = 64 * 1024 * 1024
"""Bytes of an answer that are kept until its end, to read the usage in it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What goes to the vendor beside the model's name: JSON, or with `files` a form."""

    service: Service
    fields: Mapping[str, Any]
    files: Mapping[str, SentFile]


class RelayCall(Metered):
    """One metered call of a service. Read either `pieces` or `whole`, once."""

    def __init__(self, target: Target, request: Request, payer: Payer) -> None:
        """Raises `InvalidInput` for what no vendor may be asked for (see `providers.demands`)."""
        demands.check(request.fields)
        super().__init__(target, payer)
        self.request = request
        self.content_type = ""
        """The answer's, once it has begun."""
        self._answer = _Answer()
        self._sound = sum(len(file.data) for file in request.files.values())

    async def whole(self) -> bytes:
        """The vendor's answer. Raises `ProviderError`."""
        async with aclosing(self.pieces()) as pieces:
            return b"".join([piece async for piece in pieces])

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The vendor's answer as it comes. Raises `ProviderError`; close it when you stop early."""
        await self._place()
        status = UsageStatus.FAILED
        try:
            async with aclosing(self._asked()) as pieces:
                async for piece in pieces:
                    yield piece
            status = UsageStatus.COMPLETED
        except (asyncio.CancelledError, GeneratorExit):
            status = UsageStatus.STOPPED
            raise
        except ProviderError as error:
            await self._failed(error)
            raise
        finally:
            await self._settle(status)

    async def _asked(self) -> AsyncGenerator[bytes, None]:
        wire, request = cast(OpenAIWire, self._wire), self.request
        body = {**request.fields, "model": self.target.model}
        response = await wire.relay(self.target, request.service.path, body, request.files)
        try:
            self.content_type = response.headers.get("Content-Type", "application/octet-stream")
            self._answer.begin(self.content_type)
            while piece := await response.piece():
                if self._asked_at is not None:
                    self._answered()
                self._answer.feed(piece)
                yield piece
        finally:
            response.close()

    def _characters(self) -> int:
        return sum(map(len, relayed.texts(self.request.fields)))

    def _estimated_input(self) -> int:
        return self._read_tokens() + relayed.heard(self._sound)

    def _input_in_bytes(self) -> int:
        said = sum(len(text.encode(errors="replace")) for text in self._texts())
        return said + self._seen() + relayed.most_heard(self._sound)

    def _input_counted(self) -> int:
        return self._read_tokens() + relayed.most_heard(self._sound)

    def _max_output(self) -> int:
        most = relayed.most_heard(self._sound)
        return self.request.service.most_written(self.request.fields, most)

    def _read_tokens(self) -> int:
        said = sum(token_counts.count(text, self.target.model) for text in self._texts())
        return said + self._seen()

    def _texts(self) -> list[str]:
        return list(relayed.texts(self.request.fields))

    def _seen(self) -> int:
        return relayed.pictures(self.request.fields) * relayed.PICTURE_SEEN

    def _outcome(self, status: UsageStatus, ended: float) -> Outcome:
        """What the vendor told, and estimates for the rest. One that failed before it answered
        charges nothing."""
        answer = self._answer.told()
        told = relayed.usage_in(answer)
        if not told.is_known:
            told = self._estimated(told, nothing=status == UsageStatus.FAILED)
        model = answer.get("model")
        is_told = relayed.usage_in(answer).is_known
        return Outcome(
            status=status,
            usage=told,
            source=UsageSource.VENDOR if is_told else UsageSource.ESTIMATED,
            model_answered=model if isinstance(model, str) else "",
            duration_ms=self._milliseconds(ended),
        )

    def _estimated(self, told: Usage, *, nothing: bool) -> Usage:
        if nothing and not self.content_type:
            return Usage(input_tokens=0, output_tokens=0)
        read = self._estimated_input() if told.input_tokens is None else told.input_tokens
        written = self.request.service.written(self.request.fields, read)
        return Usage(input_tokens=read, output_tokens=written)


class _Answer:
    """Keeps of an answer what says what it used: JSON, or the last event that tells it."""

    def __init__(self) -> None:
        self._events: Parser | None = None
        self._is_json = False
        self._kept = bytearray()
        self._told: Mapping[str, Any] = {}

    def begin(self, content_type: str) -> None:
        self._is_json = "json" in content_type
        self._events = Parser() if content_type.startswith("text/event-stream") else None

    def feed(self, piece: bytes) -> None:
        if self._is_json and len(self._kept) < _MOST_READ:
            self._kept += piece
        elif self._events:
            self._read_events(self._events, piece)

    def told(self) -> Mapping[str, Any]:
        return relayed.told_in(bytes(self._kept)) if self._is_json else self._told

    def _read_events(self, events: Parser, piece: bytes) -> None:
        try:
            payloads = events.feed(piece)
        except EventTooLong:
            self._events = None
            return
        for payload in payloads:
            if b'"usage"' in payload:
                self._told = relayed.told_in(payload)


def prepare(caller: Caller, model: str | None, request: Request) -> RelayCall:
    """The call for what a caller asked. Needs the database.

    Raises as `catalogue.resolve`, and `InvalidInput` for a vendor of another format.
    """
    name = model or request.service.usual_model
    for field in request.fields if request.files else ():
        if not _FIELD.fullmatch(field):
            raise invalid(field[:80], "invalid_input", _("This is no name of a field."))
    if not name:
        raise invalid("model", "invalid_input", _("Name a model, “provider/model” for instance."))
    target = catalogue.route_to(caller, _model(caller, name)).target
    if target.wire != WIRE:
        message = _("%(provider)s has no such service in OpenAI's format.")
        raise invalid("model", "invalid_input", message % {"provider": target.provider})
    return RelayCall(target, request, Payer.of(caller, request.service.purpose))


def _model(caller: Caller, name: str) -> Model:
    """The model of a name. The catalogue lists few that are no chat models: one that it does not
    know is its provider's to know."""
    try:
        return find_model(caller, None, name, ModelKind.CHAT)
    except InvalidInput as refusal:
        head, _slash, tail = name.partition("/")
        if refusal.code != "model_not_found" or (tail and wrong_with_provider(head)):
            raise
        return access.unlisted(find_provider(head if tail else _BARE), tail or name)
