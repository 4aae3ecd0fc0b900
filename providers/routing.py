"""The ASGI routes of providers."""

from __future__ import annotations

from providers.endpoints import TextEmbeddings
from rini.web.http import route

http_routes = [route(r"^llm/embeddings/?$", TextEmbeddings())]
