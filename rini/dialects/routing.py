"""The routes of every dialect."""

from __future__ import annotations

from rini.dialects.conversation_rag import routes as conversation_rag
from rini.dialects.one_shot import routes as one_shot
from rini.dialects.openai import routes as openai
from rini.dialects.session_chat import routes as session_chat

http_routes = [
    *openai.http_routes,
    *session_chat.http_routes,  # before conversation_rag, to which /api/chat/stream looks like one
    *conversation_rag.http_routes,
    *one_shot.http_routes,
]
