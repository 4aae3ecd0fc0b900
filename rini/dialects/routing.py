"""The routes of every dialect."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from rini.dialects.ai_sdk import routes as ai_sdk
from rini.dialects.anthropic import routes as anthropic
from rini.dialects.conversation_rag import routes as conversation_rag
from rini.dialects.one_shot import routes as one_shot
from rini.dialects.openai import routes as openai
from rini.dialects.responses import conversations
from rini.dialects.responses import routes as responses
from rini.dialects.session_chat import routes as session_chat
from rini.dialects.vector_stores import routing as vector_stores
from rini.web.http import route


class Models(openai.Models):
    """``GET /v1/models``: two APIs have it, whose clients are told apart by a header."""

    anthropics = anthropic.Models()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_anthropics = any(name == b"anthropic-version" for name, _ in scope["headers"])
        answer = self.anthropics if is_anthropics else super().__call__
        await answer(scope, receive, send)


http_routes = [
    route(r"^v1/models/?$", Models()),
    *anthropic.http_routes,
    *responses.http_routes,
    *conversations.http_routes,
    *vector_stores.http_routes,
    *openai.http_routes,
    *ai_sdk.http_routes,
    *session_chat.http_routes,  # before conversation_rag, to which /api/chat/stream looks like one
    *conversation_rag.http_routes,
    *one_shot.http_routes,
]
