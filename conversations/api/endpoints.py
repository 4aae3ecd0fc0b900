"""The hot and streaming routes of the native API, outside of Django's request handler."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller, caller_of, visit
from conversations.agents import using
from conversations.answering import generation, journal, opening, stateless, stopping
from conversations.answering.choice import Choice
from conversations.answering.events import JournalEvent, sse_frames
from conversations.answering.turn import Turn
from conversations.api.described import ANSWER, EVENT_STREAM, FAILURES
from conversations.api.serializers import (
    ChatCompletionAnswer,
    ChatCompletionRequest,
    GenerationSerializer,
    TextCompletionRequest,
)
from conversations.message_json import message_data
from providers.fallbacks import Attempts
from rini.errors import InvalidInput
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web import query
from rini.web.api_schema import problems
from rini.web.http import (
    Endpoint,
    EventStream,
    json_response,
    unless_disconnected,
    unless_lost,
    validated,
)
from rini.web.parsing import parse_json


class Answering(Endpoint):
    """An endpoint that may answer with the events of a generation."""

    def stream_again(self, name: str, request: Request) -> Response:
        return event_stream(UUID(name))


class TextCompletion(Answering):
    """``POST /llm/text-completion/``: a text for a model, as a turn of a session or alone."""

    tags = ["llm"]

    @extend_schema(summary="Answer a text", request=TextCompletionRequest, responses=ANSWER)
    async def post(self, request: Request) -> Response:
        """Ask a model. In a session its history goes along and both messages are stored."""
        body, begun = await visit(request, _text_asked, _text_completion)
        match begun, wants_events(request, body):
            case Turn() as turn, events:
                is_kept = body.get("session_id") is not None
                return await answer_to(turn, events=events, is_kept=is_kept)
            case attempts, True:
                return EventStream(stateless.frames(attempts))
            case attempts, _:
                answer = await unless_disconnected(request, stateless.answer(attempts))
                nothing: dict[str, Any] = {
                    "session_id": None,
                    "user_message": None,
                    "assistant_message": None,
                    "citations": [],
                }
                return json_response(answer | nothing, headers=attempts.headers)


class ChatCompletion(Endpoint):
    """``POST /llm/chat-completions/``: a whole conversation for a model; nothing is stored."""

    tags = ["llm"]

    @extend_schema(
        summary="Answer a conversation",
        request=ChatCompletionRequest,
        responses={**ANSWER, (200, "application/json"): ChatCompletionAnswer},
    )
    async def post(self, request: Request) -> Response:
        """Ask a model with a conversation that the caller keeps."""
        body, attempts = await visit(request, _chat_asked, _chat_completion)
        if wants_events(request, body):
            return EventStream(stateless.frames(attempts))
        answer = await unless_disconnected(request, stateless.answer(attempts))
        return json_response(answer, headers=attempts.headers)


class SessionGenerations(Endpoint):
    """``POST /sessions/{id}/generations/``: begin an answer and say at once which one it is."""

    tags = ["generations"]

    @extend_schema(
        summary="Begin an answer",
        request=TextCompletionRequest,
        responses={201: GenerationSerializer, **FAILURES},
    )
    async def post(self, request: Request) -> Response:
        """Begin an answer in the session. It is written on whether or not anybody listens."""
        session_id = UUID(request.path_params["session_id"])
        turn = await visit(request, _text_asked, partial(_generation, session_id))
        generation.start(turn)
        return json_response(GenerationSerializer(turn.generation).data, status=201)


class GenerationEvents(Endpoint):
    """``GET /generations/{id}/events``: the journal as an event stream, from a cursor on."""

    tags = ["generations"]

    @extend_schema(
        summary="Follow an answer",
        parameters=[
            OpenApiParameter("after", int, description="Go on after this event.", default=0),
            OpenApiParameter(
                "Last-Event-ID", int, OpenApiParameter.HEADER, description="As `after`; wins."
            ),
        ],
        responses={
            **EVENT_STREAM,
            204: OpenApiResponse(description="The caller has read everything."),
            **problems(400, 401, 404),
        },
    )
    async def get(self, request: Request) -> Response:
        """The events of an answer, those that were and those that come."""
        caller = await caller_of(request.headers)
        generation_id = UUID(request.path_params["generation_id"])
        after = _cursor(request)
        found = await in_database(stopping.generation_of, caller.user, generation_id)
        if found.last_seq is not None and after >= found.last_seq:
            # Everything has been read. 204 tells a browser's EventSource not to come back.
            return Response(status_code=204)
        return EventStream(_frames(generation_id, after))


class GenerationStop(Endpoint):
    """``POST /generations/{id}/stop``: end an answer; the text so far stays and is billed."""

    tags = ["generations"]

    @extend_schema(
        summary="Stop an answer",
        request=None,
        responses={200: GenerationSerializer, **problems(401, 404)},
    )
    async def post(self, request: Request) -> Response:
        """Stop an answer. Its text so far stays, and what it has used is billed."""
        caller = await caller_of(request.headers)
        generation_id = UUID(request.path_params["generation_id"])
        await stopping.stop(caller.user, generation_id)
        found = await in_database(stopping.generation_of, caller.user, generation_id)
        return json_response(GenerationSerializer(found).data)


def _text_asked(sent: bytes) -> dict[str, Any]:
    return validated(TextCompletionRequest, parse_json(sent))


def _chat_asked(sent: bytes) -> dict[str, Any]:
    return validated(ChatCompletionRequest, parse_json(sent))


def _text_completion(
    body: dict[str, Any], caller: Caller
) -> tuple[dict[str, Any], Turn | Attempts]:
    if body.get("session_id"):
        return body, open_turn(caller, body["session_id"], body)
    if body.get("parent_message_id"):
        raise InvalidInput(errors={"parent_message_id": [_("This needs a session_id.")]})
    messages = [{"role": "user", "content": body["text"]}]
    choice = using.applied(caller.user, choice_of(body))
    if choice.knowledge_base_ids or choice.tools or choice.mcp_connection_ids:
        return body, opening.open_passing_turn(caller, messages, choice)
    return body, stateless.prepare(caller, messages, choice)


def _chat_completion(body: dict[str, Any], caller: Caller) -> tuple[dict[str, Any], Attempts]:
    return body, stateless.prepare(caller, body["messages"], choice_of(body))


def _generation(session_id: UUID, body: dict[str, Any], caller: Caller) -> Turn:
    return open_turn(caller, session_id, body)


def open_turn(caller: Caller, session_id: UUID, body: dict[str, Any]) -> Turn:
    """Store the turn that a validated `TextCompletionRequest` asks for. Needs the database."""
    parent = body.get("parent_message_id")
    choice = using.applied(caller.user, choice_of(body))
    return opening.open_turn(
        caller, session_id, choice, text=body["text"], parent_message_id=parent
    )


def choice_of(body: dict[str, Any]) -> Choice:
    """What validated `CallParameters` choose; what their agent brings is added later."""
    ids, mcp = body.get("knowledge_base_ids"), body.get("mcp_connection_ids")
    agent_id = body.get("agent_id")
    return Choice(
        body.get("provider"),
        body.get("model"),
        body.get("llm_params") or {},
        knowledge_base_ids=None if ids is None else [str(id_) for id_ in ids],
        tools=body.get("tools"),
        mcp_connection_ids=None if mcp is None else [str(id_) for id_ in mcp],
        max_steps=body.get("max_steps"),
        require_approval=body.get("require_approval"),
        memory=body.get("memory"),
        fallbacks=body.get("fallbacks"),
        agent_id=str(agent_id) if agent_id else None,
        agent_version=body.get("agent_version"),
        variables=body.get("variables"),
    )


async def answer_to(turn: Turn, *, events: bool, is_kept: bool = True) -> Response:
    """Begin to answer a turn, and send its events as they come, or the whole when it has ended.

    Of one that is not kept no messages are told, only what they would have said.
    """
    running = generation.start(turn)
    if events:
        await running.asked()
        return event_stream(running.id)
    terminal = await unless_lost(_terminal(running.id))
    if running.error:
        raise running.error
    said = terminal.data["message"]
    return json_response(
        {
            "response_text": said["content"],
            "session_id": str(turn.generation.session_id) if is_kept else None,
            "user_message": message_data(turn.generation.user_message) if is_kept else None,
            "assistant_message": said if is_kept else None,
            "citations": said["citations"],
            "finish_reason": terminal.data["finish_reason"],
            **terminal.data["usage"],
        }
    )


def event_stream(generation_id: UUID) -> EventStream:
    """The events of a generation from its beginning."""
    return EventStream(_frames(generation_id, 0), {"X-Generation-ID": str(generation_id)})


async def _terminal(generation_id: UUID) -> JournalEvent:
    """The event that ends a generation; it goes on if its caller is gone before."""
    async for events in journal.follow(generation_id):
        last = events[-1]
    return last


async def _frames(generation_id: UUID, after: int) -> AsyncGenerator[bytes, None]:
    async for events in journal.follow(generation_id, after):
        yield sse_frames(events)


def _cursor(request: Request) -> int:
    """The event after which to go on: ``Last-Event-ID``, else ``?after=``, else the beginning."""
    header = request.headers.get("last-event-id")
    return query.whole({"after": header} if header else request, "after") or 0


def wants_events(request: Request, body: dict[str, Any]) -> bool:
    """Whether the answer should be an event stream."""
    return bool(body["stream"]) or "text/event-stream" in request.headers.get("accept", "")
