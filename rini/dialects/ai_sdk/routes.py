"""``/api/ai-sdk``: chats of Vercel's AI SDK (`useChat`) on sessions and the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from django.conf import settings
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import caller_of
from conversations.answering import answers, generation, journal, stopping
from conversations.api.endpoints import choice_of
from conversations.files import attachments, pictures
from conversations.files.attachments import Attachment
from rini.dialects.ai_sdk import chats, schema
from rini.dialects.ai_sdk.asked import Asked, asked, picture_of
from rini.dialects.ai_sdk.parts import DONE, HEADERS, Parts, farewell, frames
from rini.errors import RiniError, sentence
from rini.storage.database import in_database
from rini.web.http import (
    Endpoint,
    EventStream,
    NothingHere,
    json_response,
    route,
    unless_lost,
    valid_body,
)


class AiSdkEndpoint(Endpoint):
    """Errors are one sentence: the SDK makes the whole body the message that its page shows."""

    tags = ["ai sdk"]

    def error_response(self, error: RiniError) -> Response:
        return Response(sentence(error), error.status, error.headers, media_type="text/plain")

    def stream_again(self, name: str, request: Request) -> Response:
        return _stream(UUID(name))


class Chats(AiSdkEndpoint):
    """``POST /api/ai-sdk/chat``"""

    @schema.ask
    async def post(self, request: Request) -> Response:
        """Ask in a chat, which is a session. The answer is written on whoever listens: who has
        lost the stream gets it again, and `DELETE …/stream` stops it."""
        caller = await caller_of(request.headers)
        body = await valid_body(schema.Question, request)
        wanted = asked(body, settings.MAX_TEXT_CHARACTERS)
        picture = await _kept_picture(wanted)
        try:
            turn = await in_database(chats.open_turn, caller, wanted, choice_of(body), picture)
        except Exception:
            await _discard(picture)
            raise
        if picture and turn.generation.user_message.file_reference != picture.file_reference:
            await _discard(picture)  # the question was stored before, with its own
        running = generation.start(turn)
        await unless_lost(answers.begun(running))
        return _stream(running.id)


class OneChat(AiSdkEndpoint):
    """``GET /api/ai-sdk/chat/{id}``"""

    @schema.show
    async def get(self, request: Request) -> Response:
        """The messages of a chat, without an answer that is being written: that one is followed.
        Of a chat that nobody has begun there are none."""
        caller = await caller_of(request.headers)
        chat_id = _chat_id(request)
        found = await in_database(chats.messages, caller.user, chat_id)
        return json_response({"id": chat_id, "messages": found})


class ChatStream(AiSdkEndpoint):
    """``GET`` and ``DELETE /api/ai-sdk/chat/{id}/stream``"""

    @schema.resume
    async def get(self, request: Request) -> Response:
        """The answer that is being written in a chat, from its beginning."""
        caller = await caller_of(request.headers)
        running = await in_database(chats.running, caller.user, _chat_id(request))
        return _stream(running[0]) if running else Response(status_code=204)

    @schema.stop
    async def delete(self, request: Request) -> Response:
        """Stop what is being written in a chat. Its text so far stays, and is billed."""
        caller = await caller_of(request.headers)
        for generation_id in await in_database(chats.running, caller.user, _chat_id(request)):
            await stopping.stop(caller.user, generation_id)
        return Response(status_code=204)


class Unknown(NothingHere, AiSdkEndpoint):
    """Everything else under ``/api/ai-sdk``."""


http_routes = [
    route(r"^api/ai-sdk/chat/?$", Chats()),
    route(r"^api/ai-sdk/chat/(?P<chat_id>.+?)/stream/?$", ChatStream()),
    route(r"^api/ai-sdk/chat/(?P<chat_id>.+?)/?$", OneChat()),
    route(r"^api/ai-sdk/", Unknown()),
]


def _chat_id(request: Request) -> str:
    chat_id: str = request.path_params["chat_id"]
    return chat_id


def _stream(generation_id: UUID) -> EventStream:
    headers: dict[str, Any] = {**HEADERS, "X-Generation-ID": str(generation_id)}
    return EventStream(_frames(generation_id), headers, farewell=farewell)


async def _frames(generation_id: UUID) -> AsyncGenerator[bytes, None]:
    parts = Parts()
    async with aclosing(journal.follow(generation_id)) as batches:
        async for events in batches:
            if told := frames(part for event in events for part in parts.of(event)):
                yield told
    yield DONE


async def _kept_picture(wanted: Asked) -> Attachment | None:
    """The picture of a question, stored."""
    sent = picture_of(wanted.question) if wanted.question else None
    if sent is None:
        return None
    data, name = sent
    picture = await asyncio.to_thread(pictures.checked, data)
    return await asyncio.to_thread(attachments.save, picture, name[:255])


async def _discard(picture: Attachment | None) -> None:
    if picture:
        await asyncio.to_thread(attachments.discard, picture)
