"""The ASGI routes of providers."""

from __future__ import annotations

from providers.endpoints import TextEmbeddings
from providers.tools.endpoints import ConnectionTools, TestConnection
from rini.web.http import route
from rini.web.routes import UUID_PATTERN

_CONNECTION = rf"^mcp-connections/(?P<connection_id>{UUID_PATTERN})"
http_routes = [
    route(r"^llm/embeddings/?$", TextEmbeddings()),
    route(rf"{_CONNECTION}/tools/?$", ConnectionTools()),
    route(rf"{_CONNECTION}/test/?$", TestConnection()),
]
