"""``/v1/vector_stores``: knowledge bases, and searching one."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller, caller_of
from accounts.models import User
from knowledge import bases, retrieval, uploads
from knowledge.models import KnowledgeBase
from knowledge.retrieval import Found, Question
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.dialects.vector_stores import asked, finding, ids, schema, shown
from rini.dialects.vector_stores.pages import page_of
from rini.storage.database import in_database
from rini.web.http import json_response, route, unless_disconnected, valid_body

Json = dict[str, Any]


class VectorStores(OpenAIEndpoint):
    """``GET`` and ``POST /v1/vector_stores``"""

    @schema.create_store
    async def post(self, request: Request) -> Response:
        """A new vector store, which is a knowledge base with the usual embedding model. Its
        `file_ids` are read in the background."""
        caller = await caller_of(request.headers)
        body = await valid_body(asked.NewVectorStore, request, optional=True)
        return json_response(await in_database(_create, caller, body))

    @schema.list_stores
    async def get(self, request: Request) -> Response:
        """The caller's vector stores, and those that are shared with the caller."""
        caller = await caller_of(request.headers)
        return json_response(await in_database(_listed, caller.user, request))


class OneVectorStore(OpenAIEndpoint):
    """``GET``, ``POST`` and ``DELETE /v1/vector_stores/{id}``"""

    @schema.one_store
    async def get(self, request: Request) -> Response:
        """A vector store, and how many of its files are ready."""
        caller = await caller_of(request.headers)
        base_id = finding.id_in(request, ids.STORE)
        return json_response(await in_database(lambda: _shown(finding.store(caller.user, base_id))))

    @schema.change_store
    async def post(self, request: Request) -> Response:
        """Change the name, the description or the metadata of a vector store, as its owner."""
        caller = await caller_of(request.headers)
        base_id = finding.id_in(request, ids.STORE)
        body = await valid_body(asked.VectorStoreChange, request, optional=True)

        def change() -> Json:
            base = bases.owned(caller.user, base_id)
            KnowledgeBase.objects.filter(id=base.id).update(**body)
            return _shown(finding.store(caller.user, base_id))

        return json_response(await in_database(change))

    @schema.delete_store
    async def delete(self, request: Request) -> Response:
        """Delete a vector store, as its owner. The files that were uploaded stay."""
        caller = await caller_of(request.headers)
        base_id = finding.id_in(request, ids.STORE)
        await in_database(lambda: bases.delete(bases.owned(caller.user, base_id)))
        return json_response(shown.deleted("vector_store.deleted", ids.named(ids.STORE, base_id)))


class Search(OpenAIEndpoint):
    """``POST /v1/vector_stores/{id}/search``"""

    @schema.search_store
    async def post(self, request: Request) -> Response:
        """The passages that answer a question best; scores are from 0 to 1. Of several questions
        each passage has its best score."""
        caller = await caller_of(request.headers)
        base_id = finding.id_in(request, ids.STORE)
        body = await valid_body(asked.StoreSearch, request)
        base = await in_database(finding.store, caller.user, base_id)
        found = await unless_disconnected(request, _search(caller, base, body))
        results = shown.results(found)
        told = shown.content(results, "search_results", search_query=body["query"])
        return json_response(told)


_ONE = r"^v1/vector_stores/(?P<vector_store_id>[^/]+)"
http_routes = [
    route(r"^v1/vector_stores/?$", VectorStores()),
    route(rf"{_ONE}/?$", OneVectorStore()),
    route(rf"{_ONE}/search/?$", Search()),
]


@transaction.atomic
def _create(caller: Caller, body: Json) -> Json:
    told: Json = {name: body[name] for name in body if name in {"name", "description", "metadata"}}
    base = bases.create(caller, {**told, **asked.sizes(body.get("chunking_strategy"))})
    if body.get("file_ids"):
        uploads.attach(caller.user, base, asked.attachments({"file_ids": body["file_ids"]}))
    return _shown(base)


def _listed(user: User, request: Request) -> Json:
    rows = KnowledgeBase.objects.visible_to(user)
    return page_of(rows, request, shown.stores, kind=ids.STORE)


def _shown(base: KnowledgeBase) -> Json:
    [told] = shown.stores([base])
    return told


async def _search(caller: Caller, base: KnowledgeBase, body: Json) -> list[Found]:
    most: int = body["max_num_results"]
    best: dict[int, Found] = {}
    for text in body["query"]:
        question = Question(
            text=text,
            top_k=most,
            min_score=body.get("ranking_options", {}).get("score_threshold", 0.0),
            filters=body.get("filters"),
        )
        answer = await retrieval.search(caller, [base], question)
        for one in answer.found:
            known = best.get(one.chunk.pk)
            if known is None or known.score < one.score:
                best[one.chunk.pk] = one
    return sorted(best.values(), key=lambda one: -one.score)[:most]
