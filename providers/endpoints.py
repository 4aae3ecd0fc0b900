"""The hot routes of the native API that need no conversation."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import caller_of
from providers import embedding
from providers.serializers import EmbeddingAnswer, EmbeddingRequest
from rini.storage.database import in_database
from rini.web.api_schema import problems
from rini.web.http import Endpoint, json_response, unless_disconnected, valid_body


class TextEmbeddings(Endpoint):
    """``POST /llm/embeddings/``"""

    tags = ["llm"]

    @extend_schema(
        summary="Embed texts",
        request=EmbeddingRequest,
        responses={200: EmbeddingAnswer, **problems(400, 401, 403, 429, 502, 503, 504)},
    )
    async def post(self, request: Request) -> Response:
        """The vectors of texts, in their order: of some thousands, in as many calls as it takes."""
        caller = await caller_of(request.headers)
        body = await valid_body(EmbeddingRequest, request)
        call = await in_database(
            embedding.prepare,
            caller,
            body.get("provider"),
            body.get("model"),
            body["input"],
            {},
            input_type=body.get("input_type"),
        )
        answer = await unless_disconnected(request, call.answer())
        count = call.record.input_tokens if call.record else None
        return json_response(
            {
                "data": [
                    {"embedding": vector["embedding"], "index": i}
                    for i, vector in enumerate(answer["data"])
                ],
                "model": answer.get("model") or call.target.model,
                "usage": {"prompt_tokens": count, "total_tokens": count},
            }
        )
