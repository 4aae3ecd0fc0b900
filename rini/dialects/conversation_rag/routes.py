"""``/api/users``, ``/api/conversations`` and ``/api/chat/{number}``."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from starlette.requests import Request
from starlette.responses import Response

from accounts import credentials, refresh
from accounts.authentication import Caller, caller_of
from accounts.serializers import Credentials, Password, Registration, UserName
from conversations import lifetime, numbered
from conversations.answering import answers, generation, journal, opening, transcript
from conversations.answering.choice import Choice
from conversations.answering.generation import Running
from conversations.api.fields import TextField
from conversations.models import Message, Session
from providers.serializers import KeyValue
from providers.vendors import vendor_of_model
from rini.dialects.conversation_rag import rag_routes, translate
from rini.dialects.conversation_rag.endpoint import ConversationEndpoint, stream
from rini.errors import InvalidInput
from rini.storage.database import in_database
from rini.storage.threads import PASSWORDS
from rini.translation import gettext as _
from rini.web import client
from rini.web.http import (
    NothingHere,
    json_response,
    route,
    unless_disconnected,
    valid_body,
)
from rini.web.once import has_key


class NewUser(Registration):
    username = UserName()
    password = Password()


class OptionalKey(KeyValue):
    """A key, or nothing: clients without one send null or an empty text."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data) if data else None


class NewConversation(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)
    model = serializers.CharField(max_length=251)
    api_key = OptionalKey(required=False, allow_null=True)


class ConversationChatRequest(serializers.Serializer[Any]):
    message = TextField()


class Register(ConversationEndpoint):
    is_repeatable = False

    @extend_schema(
        summary="Open an account (conversation RAG)",
        request=NewUser,
        responses={201: OpenApiTypes.OBJECT},
        auth=[],
    )
    async def post(self, request: Request) -> Response:
        """Open an account."""
        fields = await valid_body(NewUser, request, takes_unknown=True)
        await PASSWORDS.run(credentials.register, fields)
        return json_response({"message": "User registered successfully"}, status=201)


class Login(ConversationEndpoint):
    is_repeatable = False

    @extend_schema(
        summary="Log in (conversation RAG)",
        request=Credentials,
        responses={200: OpenApiTypes.OBJECT},
        auth=[],
    )
    async def post(self, request: Request) -> Response:
        """Log in: an access token."""
        fields = await valid_body(Credentials, request, takes_unknown=True)
        agent = request.headers.get("user-agent", "")
        token = await PASSWORDS.run(_log_in, agent, **fields)
        return json_response({"token": token}, headers={"Cache-Control": "no-store"})


class Create(ConversationEndpoint):
    @extend_schema(
        summary="Begin a conversation",
        request=NewConversation,
        responses={200: OpenApiTypes.OBJECT},
    )
    async def post(self, request: Request) -> Response:
        """Begin a conversation. Its key, if it has one, serves it alone."""
        caller = await caller_of(request.headers)
        body = await valid_body(NewConversation, request, takes_unknown=True)
        key = body.get("api_key")
        conversation = await in_database(
            numbered.create,
            caller,
            title=body["title"],
            model=body["model"],
            provider=vendor_of_model(body["model"]),
            key=key,
        )
        return json_response(translate.created(conversation, key.last4 if key else None))


class History(ConversationEndpoint):
    @extend_schema(summary="Show a conversation", responses={200: OpenApiTypes.OBJECT})
    async def get(self, request: Request) -> Response:
        """A conversation with its messages, oldest first."""
        caller = await caller_of(request.headers)
        conversation, messages = await in_database(_with_messages, caller, _number(request))
        return json_response(translate.history(conversation, messages))


class List(ConversationEndpoint):
    @extend_schema(summary="List conversations", responses={200: OpenApiTypes.OBJECT})
    async def get(self, request: Request) -> Response:
        """The caller's conversations, newest first."""
        caller = await caller_of(request.headers)
        found = await in_database(lambda: list(numbered.numbered(caller.user)))
        return json_response([translate.listed(one) for one in found])


class Delete(ConversationEndpoint):
    @extend_schema(
        summary="Delete a conversation", request=None, responses={200: OpenApiTypes.OBJECT}
    )
    async def post(self, request: Request) -> Response:
        """Delete a conversation with its messages and its key."""
        caller = await caller_of(request.headers)
        conversation = await in_database(numbered.find, caller.user, _number(request))
        await lifetime.end(caller.user, conversation.id)
        return json_response({"message": "Conversation deleted successfully"})


class Chat(ConversationEndpoint):
    @extend_schema(
        summary="Chat in a conversation",
        request=ConversationChatRequest,
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    async def post(self, request: Request) -> Response:
        """A message, and its answer as it is written. A client that goes away stops it.

        Each piece is a JSON object and an empty line, with `?format=sse` an SSE event.
        """
        running = await _start(request)
        await unless_disconnected(request, answers.begun(running))
        # With an Idempotency-Key others may read it after this one.
        events = answers.events(running, stops=not has_key(request.scope))
        return stream(request, events, {"X-Generation-ID": str(running.id)})

    def stream_again(self, name: str, request: Request) -> Response:
        return stream(request, journal.follow(UUID(name)))


def _log_in(agent: str, username: str, password: str, code: str | None = None) -> str:
    """An access token. These clients know no refresh token: the login ends with it."""
    user = credentials.log_in(username, password, code or "")
    return refresh.begin_passing(user, address=client.address(), agent=agent)


async def _start(request: Request) -> Running:
    """Begin the answer to a message in a conversation."""
    caller = await caller_of(request.headers)
    number = _number(request)
    body = await valid_body(ConversationChatRequest, request, takes_unknown=True)
    conversation = await in_database(numbered.find, caller.user, number)
    turn = await in_database(
        opening.open_turn, caller, conversation.id, Choice(), text=body["message"]
    )
    return generation.start(turn)


def _with_messages(caller: Caller, number: int) -> tuple[Session, list[Message]]:
    conversation = numbered.find(caller.user, number)
    return conversation, transcript.open_path(conversation)


def _number(request: Request) -> int:
    text: str = request.path_params["conversation_id"]
    if text.isascii() and text.isdigit():
        return int(text[:20])  # more digits than any number has
    raise InvalidInput(
        _("A conversation's id is a whole number, not %(given)r.") % {"given": text[:50]}
    )


class Unknown(NothingHere, ConversationEndpoint):
    """Everything else under the prefixes of this API."""


# `/api/chat/stream` is the session chatbot's: `rini.dialects.routing` puts that before these.
http_routes = [
    route(r"^api/users/register/?$", Register()),
    route(r"^api/users/login/?$", Login()),
    route(r"^api/conversations/create/?$", Create()),
    route(r"^api/conversations/list/?$", List()),
    route(r"^api/conversations/history/(?P<conversation_id>[^/]+)/?$", History()),
    route(r"^api/conversations/del/(?P<conversation_id>[^/]+)/?$", Delete()),
    route(r"^api/chat/(?P<conversation_id>[^/]+)/?$", Chat()),
    *rag_routes.http_routes,
    route(r"^api/(?:users|conversations|rag)/", Unknown()),
]
