"""What the routes of this API have in common: the shape of errors, and of streamed answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from conversations.answering.events import JournalEvent
from rini.dialects.conversation_rag import translate
from rini.errors import RiniError, sentence
from rini.web import sse
from rini.web.http import Endpoint, EventStream, json_response

Answer = AsyncGenerator[list[JournalEvent], None]


class ConversationEndpoint(Endpoint):
    """Errors are ``{"error": "…"}``."""

    tags = ["conversation RAG"]

    def error_response(self, error: RiniError) -> Response:
        body = {"error": sentence(error)}
        return json_response(body, status=error.status, headers=error.headers)


def stream(request: Request, answer: Answer, headers: dict[str, str] | None = None) -> Response:
    """An answer as it is written."""
    # Asked for by name: the original's clients accept SSE and read plain JSON.
    for_sse = request.query_params.get("format") == "sse"
    silence = sse.comment() if for_sse else b""  # plain JSON has no comments
    farewell = partial(translate.farewell, for_sse=for_sse)
    frames = _frames(answer, for_sse=for_sse)
    return EventStream(frames, headers, keepalive=silence, farewell=farewell)


async def _frames(answer: Answer, *, for_sse: bool) -> AsyncGenerator[bytes, None]:
    async with aclosing(answer) as batches:
        async for events in batches:
            if encoded := b"".join(translate.encoded(event, for_sse=for_sse) for event in events):
                yield encoded
