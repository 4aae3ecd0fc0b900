"""The ASGI routes of conversations: what is hot or streams, and the WebSocket."""

from __future__ import annotations

from conversations.api.consumers import NoConsumer, SessionConsumer
from conversations.api.endpoints import (
    ChatCompletion,
    GenerationEvents,
    GenerationStop,
    SessionGenerations,
    TextCompletion,
)
from conversations.api.image_endpoints import ImageCompletion, MessageFile
from conversations.api.memory_endpoints import SessionMemoryExtraction
from conversations.api.revision_endpoints import MessageEdit, MessageRegenerate, SessionTitle
from rini.web.http import route
from rini.web.routes import MESSAGE_PATTERN, UUID_PATTERN

_MESSAGE = rf"^messages/(?P<message_id>{MESSAGE_PATTERN})"

http_routes = [
    route(r"^llm/text-completion/?$", TextCompletion()),
    route(r"^llm/chat-completions/?$", ChatCompletion()),
    route(rf"^sessions/(?P<session_id>{UUID_PATTERN})/generations/?$", SessionGenerations()),
    route(rf"^sessions/(?P<session_id>{UUID_PATTERN})/title/?$", SessionTitle()),
    route(
        rf"^sessions/(?P<session_id>{UUID_PATTERN})/memory/extract/?$", SessionMemoryExtraction()
    ),
    route(r"^llm/image-completion/?$", ImageCompletion()),
    route(rf"{_MESSAGE}/file/?$", MessageFile()),
    route(rf"{_MESSAGE}/edit/?$", MessageEdit()),
    route(rf"{_MESSAGE}/regenerate/?$", MessageRegenerate()),
    route(rf"^generations/(?P<generation_id>{UUID_PATTERN})/events/?$", GenerationEvents()),
    route(rf"^generations/(?P<generation_id>{UUID_PATTERN})/stop/?$", GenerationStop()),
]
websocket_routes = [
    route(rf"^ws/sessions/(?P<session_id>{UUID_PATTERN})/?$", SessionConsumer.as_asgi()),
    route(r"", NoConsumer.as_asgi()),
]
