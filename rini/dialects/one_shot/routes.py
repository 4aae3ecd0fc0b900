"""``/chat``, ``/models`` and ``/health``: the one-shot chat service's API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller
from accounts.guest import caller_or_guest
from conversations.answering import generation, journal, opening, stateless, stopping
from conversations.answering.choice import Choice
from conversations.api.fields import TextField
from conversations.api.serializers import ChatMessageSerializer
from providers import access, reachability
from providers.demands import MOST
from providers.models import ModelKind
from rini import __version__, service
from rini.dialects.one_shot import translate
from rini.errors import NotFound, RiniError, sentence
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web.http import (
    Endpoint,
    EventStream,
    NothingHere,
    json_response,
    route,
    unless_disconnected,
    valid_body,
)


class OneShotChatRequest(serializers.Serializer[Any]):
    message = TextField()
    conversation_history: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ChatMessageSerializer(),
        required=False,
        allow_null=True,
        max_length=settings.MAX_MESSAGES,
    )
    system_prompt = TextField(required=False, allow_null=True, allow_blank=True)
    model = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=251)
    temperature = serializers.FloatField(required=False, allow_null=True)
    max_tokens = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST
    )


class OneShotEndpoint(Endpoint):
    """Errors are ``{"detail": "…"}``."""

    tags = ["one-shot chat"]

    def error_response(self, error: RiniError) -> Response:
        body = {"detail": sentence(error)}
        return json_response(body, status=error.status, headers=error.headers)


class Chat(OneShotEndpoint):
    @extend_schema(
        summary="Chat (one shot)", request=OneShotChatRequest, responses={200: OpenApiTypes.OBJECT}
    )
    async def post(self, request: Request) -> Response:
        """A message, and its answer. A client that goes away stops the answer."""
        caller = await caller_or_guest(request.headers)
        body = await valid_body(OneShotChatRequest, request, takes_unknown=True)
        messages = translate.messages(body)
        attempts = await in_database(stateless.prepare, caller, messages, _choice(body))
        told = await unless_disconnected(request, stateless.answer(attempts))
        target = attempts.call.target
        name = translate.model_name(target.provider, target.model)
        return json_response(translate.answer(told, name, timezone.now()))


class ChatStream(OneShotEndpoint):
    @extend_schema(
        summary="Begin an answer (one shot)",
        request=OneShotChatRequest,
        responses={200: OpenApiTypes.OBJECT},
    )
    async def post(self, request: Request) -> Response:
        """A message; its answer is at ``/chat/stream/{stream_id}`` for an hour."""
        caller = await caller_or_guest(request.headers)
        body = await valid_body(OneShotChatRequest, request, takes_unknown=True)
        turn = await in_database(
            opening.open_passing_turn, caller, translate.messages(body), _choice(body)
        )
        running = generation.start(turn)
        return json_response({"stream_id": running.id, "status": "started"})


class OneStream(OneShotEndpoint):
    @extend_schema(
        summary="Read an answer (one shot)",
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    async def get(self, request: Request) -> Response:
        """The answer, as it is written. It goes on without its reader; one who returns with a
        `Last-Event-ID` reads on from there, and gets 204 if everything has been read."""
        caller = await caller_or_guest(request.headers)
        stream_id = await _find(caller, request)
        after = _last_seen(request)
        if after and await in_database(journal.is_read, stream_id, after):
            return Response(status_code=204)  # by which a browser's EventSource comes no more
        return EventStream(_frames(stream_id, after), farewell=translate.farewell)

    @extend_schema(summary="Stop an answer (one shot)", responses={200: OpenApiTypes.OBJECT})
    async def delete(self, request: Request) -> Response:
        """Stop the answer; what has come of it stays."""
        caller = await caller_or_guest(request.headers)
        stream_id = await _find(caller, request)
        await stopping.stop(caller.user, stream_id)
        return json_response({"message": "Stream stopped", "stream_id": stream_id})


class Models(OneShotEndpoint):
    @extend_schema(summary="List models (one shot)", responses={200: OpenApiTypes.OBJECT})
    async def get(self, request: Request) -> Response:
        """The chat models that the caller can use now. They are there a second time in OpenAI's
        shape, for its clients whose base URL lacks `/v1`."""
        caller = await caller_or_guest(request.headers)
        rows = await in_database(access.usable_models, caller)
        chat = [translate.model(row) for row in rows if row.kind == ModelKind.CHAT]
        return json_response({"models": chat, **translate.as_openai_lists(chat)})


class Health(OneShotEndpoint):
    @extend_schema(
        summary="Check the health (one shot)",
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiTypes.OBJECT},
        auth=[],
    )
    async def get(self, request: Request) -> Response:
        """What `/readyz` says, and whether the provider of `DEFAULT_MODEL` takes the server's key.

        `openai_api` is found out by a call that costs nothing, and never makes Rini unhealthy.
        """
        parts = await in_database(service.parts)
        healthy = all(state == "connected" for state in parts.values())
        body = {
            "status": "healthy" if healthy else "unhealthy",
            **parts,
            "openai_api": await _vendor_state(parts["database"]),
            "version": __version__,
            "timestamp": timezone.now(),
        }
        return json_response(body, status=200 if healthy else 503)


async def _vendor_state(database: str) -> str:
    if database != "connected":
        return "disconnected"  # nobody could be answered
    slug = await in_database(reachability.default_provider)
    return "connected" if await reachability.is_reachable(slug) else "disconnected"


def _choice(body: dict[str, Any]) -> Choice:
    usual = {
        "temperature": settings.DEFAULT_TEMPERATURE,
        "max_tokens": settings.ONE_SHOT_MAX_TOKENS,
    }
    params = translate.llm_params(body)
    return Choice(model=body.get("model") or None, params=params, usual=usual)


async def _find(caller: Caller, request: Request) -> UUID:
    """The id of the caller's stream that the path names."""
    text: str = request.path_params["stream_id"]
    try:
        return (await in_database(stopping.generation_of, caller.user, UUID(text))).id
    except (NotFound, ValueError):
        raise NotFound(_("Stream %(id)s not found") % {"id": text[:100]}) from None


def _last_seen(request: Request) -> int:
    given = request.headers.get("last-event-id", "")
    # Python refuses to read thousands of digits; no event's number has more than 18.
    return int(given[:18]) if given.isascii() and given.isdigit() else 0


async def _frames(stream_id: UUID, after: int) -> AsyncGenerator[bytes, None]:
    async for events in journal.follow(stream_id, after):
        if frames := b"".join(translate.frame(event) for event in events):
            yield frames


class Unknown(NothingHere, OneShotEndpoint):
    """Everything else under ``/chat``."""


http_routes = [
    route(r"^chat/?$", Chat()),
    route(r"^chat/stream/?$", ChatStream()),
    route(r"^chat/stream/(?P<stream_id>[^/]+)/?$", OneStream()),
    route(r"^models/?$", Models()),
    route(r"^health/?$", Health()),
    route(r"^chat/", Unknown()),
]
