"""The hot routes below a message and a session that ask a model: edit, regenerate, title."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import caller_of
from conversations.answering import revisions, transcript
from conversations.api.described import ANSWER
from conversations.api.endpoints import Answering, answer_to, choice_of, wants_events
from conversations.api.serializers import (
    EditRequest,
    RegenerateRequest,
    SessionSerializer,
    TitleRequest,
)
from conversations.digests import titles
from providers import asking
from rini.storage.database import in_database
from rini.web.api_schema import problems
from rini.web.http import Endpoint, json_response, unless_disconnected, valid_body


class MessageEdit(Answering):
    """``POST /messages/{id}/edit``: ask a question in another version, beside the former one."""

    tags = ["messages"]

    @extend_schema(summary="Edit a question", request=EditRequest, responses=ANSWER)
    async def post(self, request: Request) -> Response:
        """Store a new version of a user's message, a sibling of it, and answer it."""
        caller = await caller_of(request.headers)
        body = await valid_body(EditRequest, request)
        message_id = int(request.path_params["message_id"])
        turn = await in_database(
            revisions.edit, caller, message_id, body["content"], choice_of(body)
        )
        return await answer_to(turn, events=wants_events(request, body))


class MessageRegenerate(Answering):
    """``POST /messages/{id}/regenerate``: another answer, by the same model or any other."""

    tags = ["messages"]

    @extend_schema(summary="Answer anew", request=RegenerateRequest, responses=ANSWER)
    async def post(self, request: Request) -> Response:
        """Store another answer to the same question, a sibling of the former one."""
        caller = await caller_of(request.headers)
        body = await valid_body(RegenerateRequest, request, optional=True)
        turn = await in_database(
            revisions.regenerate, caller, int(request.path_params["message_id"]), choice_of(body)
        )
        return await answer_to(turn, events=wants_events(request, body))


class SessionTitle(Endpoint):
    """``POST /sessions/{id}/title``: have a model name the session."""

    tags = ["sessions"]

    @extend_schema(
        summary="Generate a title",
        request=TitleRequest,
        responses={200: SessionSerializer, **problems(400, 401, 402, 403, 404, 429, 502, 503, 504)},
    )
    async def post(self, request: Request) -> Response:
        """Ask a model for a title of the session, by default its own, and keep it."""
        caller = await caller_of(request.headers)
        body = await valid_body(TitleRequest, request, optional=True)
        session_id = UUID(request.path_params["session_id"])
        session = await in_database(transcript.session_of, caller.user, session_id)
        named = await in_database(
            titles.untitled, caller, session, body.get("provider"), body.get("model")
        )
        title = named.first_words
        if named.question:
            answer = await unless_disconnected(request, asking.ask(named.question))
            title = titles.clean(answer) or title
        await in_database(titles.store, session_id, title, replace=True)
        session = await in_database(transcript.session_of, caller.user, session_id)
        return json_response(SessionSerializer(session).data)
