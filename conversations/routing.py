"""The ASGI routes of conversations: what is hot or streams, and the WebSocket."""

from __future__ import annotations

from conversations.consumers import SessionConsumer
from conversations.endpoints import (
    ChatCompletion,
    GenerationEvents,
    GenerationStop,
    SessionGenerations,
    TextCompletion,
)
from rini.http import UUID_PATTERN, route

http_routes = [
    route(r"^llm/text-completion/?$", TextCompletion()),
    route(r"^llm/chat-completions/?$", ChatCompletion()),
    route(rf"^sessions/(?P<session_id>{UUID_PATTERN})/generations/?$", SessionGenerations()),
    route(rf"^generations/(?P<generation_id>{UUID_PATTERN})/events/?$", GenerationEvents()),
    route(rf"^generations/(?P<generation_id>{UUID_PATTERN})/stop/?$", GenerationStop()),
]
websocket_routes = [
    route(rf"^ws/sessions/(?P<session_id>{UUID_PATTERN})/?$", SessionConsumer.as_asgi()),
]
