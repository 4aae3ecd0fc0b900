"""``/api/rag``: knowledge bases, their documents, and answers from them."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller, caller_of
from conversations import numbered
from conversations.answering import answers, generation, opening
from conversations.answering.choice import Choice
from conversations.answering.turn import Turn
from conversations.api.fields import TextField
from knowledge import bases, documents, retrieval
from knowledge.models import Document, DocumentStatus, KnowledgeBase
from knowledge.retrieval import Question
from providers import access
from providers.models import ModelKind
from rini.dialects.conversation_rag import rag_translate
from rini.dialects.conversation_rag.endpoint import ConversationEndpoint, stream
from rini.errors import InvalidInput, NotFound
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web import query
from rini.web.http import json_response, route, unless_disconnected, valid_body, validated
from rini.web.multipart import form_body, harmless
from rini.web.once import has_key

UPLOAD_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.2
_ANSWER: dict[Any, Any] = {200: OpenApiTypes.OBJECT}


class NewBase(serializers.Serializer[Any]):
    kb_name = serializers.CharField(max_length=200)
    embedding_model = serializers.CharField(required=False, allow_null=True, max_length=251)


class OneBase(serializers.Serializer[Any]):
    kb_id = serializers.UUIDField()


class OneDocument(OneBase):
    doc_id = serializers.UUIDField()


class NewDocument(OneBase):
    file = serializers.FileField()


class Retrieval(OneBase):
    query = serializers.CharField()
    top_k = serializers.IntegerField(required=False, min_value=1, max_value=50, default=5)


class RagQuestion(OneBase):
    conversation_id = serializers.IntegerField(min_value=1)
    message = TextField()
    top_k = serializers.IntegerField(required=False, min_value=1, max_value=50, default=5)


class CreateBase(ConversationEndpoint):
    @extend_schema(summary="Create a knowledge base (RAG)", request=NewBase, responses=_ANSWER)
    async def post(self, request: Request) -> Response:
        """A new knowledge base."""
        caller = await caller_of(request.headers)
        body = await valid_body(NewBase, request, takes_unknown=True)
        fields = {"name": body["kb_name"]}
        if model := body.get("embedding_model"):
            fields["embedding_model"] = rag_translate.our_name(model)
        base = await in_database(bases.create, caller, fields)
        return json_response(rag_translate.base_made(base))


class ListBases(ConversationEndpoint):
    @extend_schema(summary="List knowledge bases (RAG)", responses=_ANSWER)
    async def get(self, request: Request) -> Response:
        """The caller's knowledge bases, newest first."""
        caller = await caller_of(request.headers)
        found = await in_database(lambda: list(bases.counted(caller.user)))
        return json_response(rag_translate.bases(found))


class DeleteBase(ConversationEndpoint):
    @extend_schema(summary="Delete a knowledge base (RAG)", request=OneBase, responses=_ANSWER)
    async def post(self, request: Request) -> Response:
        """Delete a knowledge base with its documents."""
        caller = await caller_of(request.headers)
        body = await valid_body(OneBase, request, takes_unknown=True)
        base = await in_database(bases.owned, caller.user, body["kb_id"])
        await in_database(bases.delete, base)
        return json_response(rag_translate.base_deleted())


class UploadDocument(ConversationEndpoint):
    @extend_schema(
        summary="Upload a document (RAG)",
        request={"multipart/form-data": NewDocument},
        responses=_ANSWER,
    )
    async def post(self, request: Request) -> Response:
        """Upload a document, and wait until searches find it, but a minute at most."""
        caller = await caller_of(request.headers)
        form = await form_body(request)
        upload = form.files.get("file")
        if upload is None:
            raise InvalidInput(errors={"file": [_("Send a file in this field.")]})
        body = validated(OneBase, form.fields, is_form=True, takes_unknown=True)
        base = await in_database(bases.changeable, caller.user, body["kb_id"])
        name = harmless(upload.name) or "document"
        document = await in_database(documents.add, base, name, upload.data, {})
        return json_response(await unless_disconnected(request, _uploaded(document.id)))


class ListDocuments(ConversationEndpoint):
    @extend_schema(
        summary="List documents (RAG)",
        parameters=[OpenApiParameter("kb_id", UUID, required=True)],
        responses=_ANSWER,
    )
    async def get(self, request: Request) -> Response:
        """The documents of a knowledge base, newest first."""
        caller = await caller_of(request.headers)
        base_id = query.uuid(request, "kb_id")
        if base_id is None:
            raise InvalidInput(errors={"kb_id": [_("Name a knowledge base.")]})
        found = await in_database(_documents, caller, base_id)
        return json_response(rag_translate.documents(found))


class DeleteDocument(ConversationEndpoint):
    @extend_schema(summary="Delete a document (RAG)", request=OneDocument, responses=_ANSWER)
    async def post(self, request: Request) -> Response:
        """Delete a document with its passages."""
        caller = await caller_of(request.headers)
        body = await valid_body(OneDocument, request, takes_unknown=True)
        await in_database(_delete, caller, body["kb_id"], body["doc_id"])
        return json_response(rag_translate.document_deleted())


class Retrieve(ConversationEndpoint):
    @extend_schema(summary="Search a knowledge base (RAG)", request=Retrieval, responses=_ANSWER)
    async def post(self, request: Request) -> Response:
        """The passages that answer a question best; scores are from 0 to 1."""
        caller = await caller_of(request.headers)
        body = await valid_body(Retrieval, request, takes_unknown=True)
        base = await in_database(_base, caller, body["kb_id"])
        question = Question(text=body["query"], top_k=body["top_k"])
        found = await unless_disconnected(request, retrieval.search(caller, [base], question))
        return json_response(rag_translate.retrieved(found.found))


class RagChat(ConversationEndpoint):
    @extend_schema(
        summary="Chat with a knowledge base (RAG)",
        request=RagQuestion,
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    async def post(self, request: Request) -> Response:
        """A message, and its answer from the documents as it is written, as in
        `/api/chat/{conversation_id}`. What is stored is the message alone."""
        caller = await caller_of(request.headers)
        body = await valid_body(RagQuestion, request, takes_unknown=True)
        running = generation.start(await in_database(_turn, caller, body))
        await unless_disconnected(request, answers.begun(running))
        events = answers.events(running, stops=not has_key(request.scope))
        return stream(request, events, {"X-Generation-ID": str(running.id)})


class Models(ConversationEndpoint):
    @extend_schema(summary="List embedding models (RAG)", responses=_ANSWER)
    async def get(self, request: Request) -> Response:
        """The embedding models that the caller can use, and the original's two."""
        caller = await caller_of(request.headers)
        found = await in_database(access.usable_models, caller)
        names = [str(model) for model in found if model.kind == ModelKind.EMBEDDING]
        return json_response(rag_translate.models(names))


http_routes = [
    route(r"^api/rag/kb/create/?$", CreateBase()),
    route(r"^api/rag/kb/list/?$", ListBases()),
    route(r"^api/rag/kb/delete/?$", DeleteBase()),
    route(r"^api/rag/doc/upload/?$", UploadDocument()),
    route(r"^api/rag/doc/list/?$", ListDocuments()),
    route(r"^api/rag/doc/delete/?$", DeleteDocument()),
    route(r"^api/rag/retrieve/?$", Retrieve()),
    route(r"^api/rag/chat/?$", RagChat()),
    route(r"^api/rag/models/?$", Models()),
]


def _base(caller: Caller, base_id: UUID) -> KnowledgeBase:
    [base] = bases.all_of(caller.user, [base_id])
    return base


def _documents(caller: Caller, base_id: UUID) -> list[Document]:
    found = _base(caller, base_id).documents.defer("text").order_by("-created_at", "-id")
    return list(found)


def _delete(caller: Caller, base_id: UUID, document_id: UUID) -> None:
    base = bases.changeable(caller.user, base_id)
    document = base.documents.defer("text").filter(id=document_id).first()
    if document is None:
        raise NotFound(_("Document %(id)s not found.") % {"id": document_id})
    documents.delete(document)


def _turn(caller: Caller, body: dict[str, Any]) -> Turn:
    conversation = numbered.find(caller.user, body["conversation_id"])
    choice = Choice(knowledge_base_ids=[str(body["kb_id"])], passages=body["top_k"])
    return opening.open_turn(caller, conversation.id, choice, text=body["message"])


async def _uploaded(document_id: UUID) -> dict[str, Any]:
    """What is told of a document when it is ready, or when waiting has been long enough."""
    deadline = time.monotonic() + UPLOAD_SECONDS
    while time.monotonic() < deadline:
        status, chunks, error = await in_database(_state, document_id)
        if status == DocumentStatus.READY:
            return rag_translate.document_ready(document_id, chunks)
        if status in {DocumentStatus.FAILED, DocumentStatus.CANCELLED}:
            raise InvalidInput(error or _("The document could not be read."))
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return rag_translate.document_accepted(document_id)


def _state(document_id: UUID) -> tuple[str, int, str]:
    found = Document.objects.filter(id=document_id)
    row = found.values_list("status", "chunk_count", "error").first()
    return row or (DocumentStatus.CANCELLED, 0, "")
