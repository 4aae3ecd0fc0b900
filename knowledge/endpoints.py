"""Searching: it waits for an embedding model, so it stands outside of Django."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import caller_of
from knowledge import bases, retrieval
from knowledge.retrieval import Mode, Question
from knowledge.serializers import SearchAnswer, SearchRequest, SearchResult, SeveralBases
from rini.storage.database import in_database
from rini.web.api_schema import problems
from rini.web.http import Endpoint, json_response, unless_disconnected, valid_body

_ANSWER: dict[Any, Any] = {
    200: SearchAnswer,
    **problems(400, 401, 402, 403, 404, 429, 502, 503, 504),
}


class BaseSearch(Endpoint):
    """``POST /knowledge-bases/{id}/search``"""

    tags = ["knowledge"]

    @extend_schema(summary="Search a knowledge base", request=SearchRequest, responses=_ANSWER)
    async def post(self, request: Request) -> Response:
        """The passages that answer a question best, in any language; scores are from 0 to 1."""
        ids = [UUID(request.path_params["base_id"])]
        return await _answer(request, SearchRequest, ids)


class KnowledgeSearch(Endpoint):
    """``POST /knowledge/search``"""

    tags = ["knowledge"]

    @extend_schema(summary="Search several bases", request=SeveralBases, responses=_ANSWER)
    async def post(self, request: Request) -> Response:
        """The same over several bases at once, as if they were one."""
        return await _answer(request, SeveralBases, None)


async def _answer(
    request: Request, shape: type[SearchRequest], ids: Sequence[UUID] | None
) -> Response:
    caller = await caller_of(request.headers)
    body = await valid_body(shape, request)
    begun = time.monotonic()
    found_bases = await in_database(bases.all_of, caller.user, ids or body["knowledge_base_ids"])
    question = Question(
        text=body["query"],
        mode=Mode(body["mode"]) if body.get("mode") else None,
        top_k=body["top_k"],
        min_score=body["min_score"],
        filters=body.get("filters"),
        expand=body["expand"],
    )
    answer = await unless_disconnected(request, retrieval.search(caller, found_bases, question))
    return json_response(
        {
            "results": SearchResult(answer.found, many=True).data,
            "mode": answer.mode,
            "took_ms": round(1000 * (time.monotonic() - begun)),
        }
    )
