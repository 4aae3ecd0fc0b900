"""Moderation, reranking, pictures, speech and transcription at vendors of OpenAI's format."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller, caller_of, visit
from providers import relayed, relays
from providers.relayed import Service
from providers.relays import RelayCall
from providers.wires.http import SentFile
from rini.dialects.openai import relay_schema as schema
from rini.dialects.openai.answer_headers import cost, overhead
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.errors import InvalidInput, RiniError
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web.http import unless_disconnected
from rini.web.multipart import form_body
from rini.web.opened_stream import opened
from rini.web.parsing import parse_json

Asked = tuple[str | None, dict[str, Any]]
"""The model's name, and the other fields."""


class Relay(OpenAIEndpoint):
    """A service that is asked in JSON."""

    service: Service

    async def relay(self, request: Request) -> Response:
        measured = overhead()

        def prepare(asked: Asked, caller: Caller) -> RelayCall:
            model, fields = asked
            return relays.prepare(caller, model, relays.Request(self.service, fields, {}))

        call = await visit(request, _asked, prepare)
        return await _answer(request, call, lambda: {**cost(call), **measured(call)})


class Moderations(Relay):
    """``POST /v1/moderations``"""

    service = relayed.MODERATION

    @schema.moderations
    async def post(self, request: Request) -> Response:
        """What a vendor finds wrong with texts and pictures."""
        return await self.relay(request)


class Rerank(Relay):
    """``POST /v1/rerank``"""

    service = relayed.RERANK

    @schema.rerank
    async def post(self, request: Request) -> Response:
        """Documents in the order in which they answer a query."""
        return await self.relay(request)


class ImageGenerations(Relay):
    """``POST /v1/images/generations``"""

    service = relayed.IMAGES

    @schema.images
    async def post(self, request: Request) -> Response:
        """Pictures of what a prompt says; with `stream`, as they become clearer."""
        return await self.relay(request)


class Speech(Relay):
    """``POST /v1/audio/speech``"""

    service = relayed.SPEECH

    @schema.speech
    async def post(self, request: Request) -> Response:
        """A text spoken, as it is spoken."""
        return await self.relay(request)


class Transcriptions(OpenAIEndpoint):
    """``POST /v1/audio/transcriptions``"""

    @schema.transcriptions
    async def post(self, request: Request) -> Response:
        """What is said in a recording."""
        measured = overhead()
        caller = await caller_of(request.headers)
        form = await form_body(request)
        fields: dict[str, Any] = {
            name: values if len(values) > 1 else values[0] for name, values in form.values.items()
        }
        fields.pop("model", None)
        file = form.files.get("file")
        if file is None:
            raise _invalid("file", _("Send a file in this field."))
        files = {"file": SentFile(file.name, file.data)}
        asked = relays.Request(relayed.TRANSCRIPTION, fields, files)
        call = await in_database(relays.prepare, caller, form.fields.get("model"), asked)
        return await _answer(request, call, lambda: {**cost(call), **measured(call)})


async def _answer(request: Request, call: RelayCall, headers: Any) -> Response:
    """The vendor's answer: what is spoken, and what is asked for as a stream, as it comes."""
    if not _streams(call):
        body = await unless_disconnected(request, call.whole())
        return Response(body, headers={"Content-Type": call.content_type, **headers()})

    def begun() -> dict[str, str]:
        return {"Content-Type": call.content_type, **headers()}

    return await opened(request, _pieces(call), begun, farewell=_nothing, keepalive=b"")


def _streams(call: RelayCall) -> bool:
    asked = call.request
    return asked.service is relayed.SPEECH or asked.fields.get("stream") in {True, "true"}


async def _pieces(call: RelayCall) -> AsyncGenerator[bytes, None]:
    async with aclosing(call.pieces()) as pieces:
        async for piece in pieces:
            yield piece


def _nothing(error: RiniError) -> bytes:
    """A recording has no place for words: its connection just ends."""
    return b""


def _asked(body: bytes) -> Asked:
    given = parse_json(body)
    if not isinstance(given, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    fields: dict[str, Any] = dict(given)
    model = fields.pop("model", None)
    if not isinstance(model, str | None):
        raise _invalid("model", _("Name a model, “provider/model” for instance."))
    _check_stream(fields)
    return model or None, fields


def _check_stream(fields: Mapping[str, Any]) -> None:
    """The stream's switch decides how it is answered, so that it has to be one."""
    if not isinstance(fields.get("stream"), bool | None):
        raise _invalid("stream", _("Give true or false."))


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors={field: [message]})
