"""The ASGI routes of knowledge."""

from __future__ import annotations

from knowledge.endpoints import BaseSearch, KnowledgeSearch
from rini.web.http import route
from rini.web.routes import UUID_PATTERN

http_routes = [
    route(rf"^knowledge-bases/(?P<base_id>{UUID_PATTERN})/search/?$", BaseSearch()),
    route(r"^knowledge/search/?$", KnowledgeSearch()),
]
