"""``/api/sessions`` and ``/api/chat``: the session chatbot's API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller
from accounts.guest import caller_or_guest
from conversations import lifetime
from conversations.answering import answers, generation, journal, opening, transcript
from conversations.answering.choice import Choice
from conversations.answering.events import JournalEvent
from conversations.answering.generation import Running
from conversations.api.fields import TextField
from conversations.models import Session
from providers import own_server, reachability
from providers.demands import MOST
from providers.errors import ProviderUnavailable
from rini import service
from rini.dialects.session_chat import translate
from rini.errors import NotFound, RiniError, sentence
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web import query
from rini.web.fields import MetadataField
from rini.web.http import (
    Endpoint,
    EventStream,
    NothingHere,
    json_response,
    route,
    unless_disconnected,
    valid_body,
)
from rini.web.once import has_key

MAX_MESSAGES = 1000
LIMIT = OpenApiParameter("limit", int, default=10)
Answer = AsyncGenerator[list[JournalEvent], None]


class NewSession(serializers.Serializer[Any]):
    metadata = MetadataField(required=False, allow_null=True)


class SessionChatRequest(serializers.Serializer[Any]):
    session_id = serializers.CharField()
    message = TextField()
    max_new_tokens = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST
    )
    temperature = serializers.FloatField(required=False, allow_null=True)
    do_sample = serializers.BooleanField(required=False, allow_null=True)


class SessionChatEndpoint(Endpoint):
    """Errors are ``{"detail": "…"}``."""

    tags = ["session chat"]

    def error_response(self, error: RiniError) -> Response:
        unreachable = isinstance(error, ProviderUnavailable)
        detail = "LLM server not available" if unreachable else sentence(error)
        return json_response({"detail": detail}, status=error.status, headers=error.headers)


class Sessions(SessionChatEndpoint):
    @extend_schema(
        summary="Begin a session (session chat)",
        request=NewSession,
        responses={201: OpenApiTypes.OBJECT},
    )
    async def post(self, request: Request) -> Response:
        """Begin a session. It expires after `SESSION_TIMEOUT_HOURS` without access."""
        caller = await caller_or_guest(request.headers)
        body = await valid_body(NewSession, request, optional=True, takes_unknown=True)
        timeout = timedelta(hours=settings.SESSION_TIMEOUT_HOURS)
        metadata = body.get("metadata") or {}
        session = await in_database(lifetime.create, caller.user, timeout, metadata)
        return json_response(translate.new_session(session), status=201)


class OneSession(SessionChatEndpoint):
    @extend_schema(summary="Show a session (session chat)", responses={200: OpenApiTypes.OBJECT})
    async def get(self, request: Request) -> Response:
        """A session."""
        caller = await caller_or_guest(request.headers)
        session = await _use(caller, request.path_params["session_id"])
        return json_response(translate.session(session))

    @extend_schema(summary="Delete a session (session chat)", responses={200: OpenApiTypes.OBJECT})
    async def delete(self, request: Request) -> Response:
        """Delete a session with its messages; an answer that is being written is stopped."""
        caller = await caller_or_guest(request.headers)
        session = await _use(caller, request.path_params["session_id"])
        await lifetime.end(caller.user, session.id)
        return json_response({"message": "Session deleted", "session_id": session.id})


class SessionMessages(SessionChatEndpoint):
    @extend_schema(
        summary="List the latest messages (session chat)",
        parameters=[LIMIT],
        responses={200: OpenApiTypes.OBJECT},
    )
    async def get(self, request: Request) -> Response:
        """The latest messages of a session, oldest first."""
        caller = await caller_or_guest(request.headers)
        limit = query.whole(request, "limit", least=1, most=MAX_MESSAGES) or 10
        session = await _use(caller, request.path_params["session_id"])
        path = await in_database(transcript.open_path, session)
        said = [message for message in path if translate.is_shown(message)]
        return json_response({"messages": [translate.message(one) for one in said[-limit:]]})


class Chat(SessionChatEndpoint):
    @extend_schema(
        summary="Chat (session chat)",
        request=SessionChatRequest,
        responses={200: OpenApiTypes.OBJECT},
    )
    async def post(self, request: Request) -> Response:
        """A message, and its answer. A client that goes away stops the answer."""
        running = await _start(request)
        terminal = await unless_disconnected(request, answers.whole(running))
        return json_response(translate.answer(terminal.data["message"]))


class ChatStream(SessionChatEndpoint):
    @extend_schema(
        summary="Chat as a stream (session chat)",
        request=SessionChatRequest,
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    async def post(self, request: Request) -> Response:
        """A message, and its answer as it is written. A client that goes away stops it."""
        running = await _start(request)
        await unless_disconnected(request, answers.begun(running))
        # With an Idempotency-Key others may read it after this one.
        events = answers.events(running, stops=not has_key(request.scope))
        return EventStream(
            _frames(events),
            {"X-Generation-ID": str(running.id)},
            farewell=translate.farewell,
        )

    def stream_again(self, name: str, request: Request) -> Response:
        return EventStream(_frames(journal.follow(UUID(name))), farewell=translate.farewell)


class Health(SessionChatEndpoint):
    @extend_schema(
        summary="Check the health (session chat)",
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiTypes.OBJECT},
        auth=[],
    )
    async def get(self, request: Request) -> Response:
        """Whether the database and the model server answer; costs nothing."""
        parts = await in_database(service.parts)
        parts["llm_server"] = await _llm_server_state(parts["database"])
        healthy = all(state == "connected" for state in parts.values())
        status = "healthy" if healthy else "unhealthy"
        return json_response(
            {"status": status, **parts, "timestamp": timezone.now()}, status=200 if healthy else 503
        )


async def _start(request: Request) -> Running:
    """Begin the answer that a request for a chat asks for."""
    caller = await caller_or_guest(request.headers)
    body = await valid_body(SessionChatRequest, request, takes_unknown=True)
    session = await _use(caller, body["session_id"])
    own_model = await own_server.model()
    choice = Choice(
        provider=own_server.SLUG if own_model else None,
        model=own_model,
        params=translate.llm_params(body),
        usual={
            "temperature": settings.DEFAULT_TEMPERATURE,
            "max_tokens": settings.DEFAULT_MAX_TOKENS,
        },
        context_messages=settings.MAX_CONTEXT_MESSAGES,
    )
    turn = await in_database(opening.open_turn, caller, session.id, choice, text=body["message"])
    return generation.start(turn)


async def _frames(answer: Answer) -> AsyncGenerator[bytes, None]:
    async with aclosing(answer) as batches:
        async for events in batches:
            if frames := b"".join(translate.frames(event) for event in events):
                yield frames


async def _use(caller: Caller, session_id: str) -> Session:
    """The caller's session of that id, which this access keeps from expiring."""
    try:
        return await in_database(lifetime.use, caller.user, UUID(session_id))
    except (NotFound, ValueError):
        raise NotFound(
            _("Session %(session_id)s not found") % {"session_id": session_id[:100]}
        ) from None


async def _llm_server_state(database: str) -> str:
    if database != "connected":
        return "disconnected"  # nobody could be answered
    is_own = await in_database(own_server.has_address)
    slug = own_server.SLUG if is_own else await in_database(reachability.default_provider)
    return "connected" if await reachability.is_reachable(slug) else "disconnected"


class Unknown(NothingHere, SessionChatEndpoint):
    """Everything else under ``/api/sessions``."""


http_routes = [
    route(r"^api/sessions/?$", Sessions()),
    route(r"^api/sessions/(?P<session_id>[^/]+)/?$", OneSession()),
    route(r"^api/sessions/(?P<session_id>[^/]+)/messages/?$", SessionMessages()),
    route(r"^api/chat/?$", Chat()),
    route(r"^api/chat/stream/?$", ChatStream()),
    route(r"^api/health/?$", Health()),
    route(r"^api/sessions/", Unknown()),
]
