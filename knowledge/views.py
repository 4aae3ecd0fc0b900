"""The HTTP API of knowledge bases; their documents are in `knowledge.document_views`, searching is
in `knowledge.endpoints`."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from knowledge import bases, serializers, syncing
from knowledge.models import KnowledgeBase
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource

_BASE = serializers.KnowledgeBaseSerializer


@extend_schema_view(
    list=extend_schema(
        summary="List knowledge bases",
        responses={200: _BASE(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Show a knowledge base", responses={200: _BASE, **problems(401, 404)}
    ),
)
class KnowledgeBaseViewSet(ListModelMixin, RetrieveModelMixin, Resource[KnowledgeBase]):
    """The caller's knowledge bases, and those that are shared with the caller, newest first."""

    tags = ["knowledge"]
    serializer_class = _BASE
    queryset = KnowledgeBase.objects.none()

    def get_queryset(self) -> QuerySet[KnowledgeBase]:
        return bases.counted(caller_in(self.request).user)

    @extend_schema(
        summary="Make a knowledge base",
        request=_BASE,
        responses={201: _BASE, **problems(400, 401, 402, 403)},
    )
    def create(self, request: Request) -> Response:
        """Make an empty base. Without `embedding_model` it gets the one that runs on this machine;
        an empty one means that it is searched by keywords."""
        base = bases.create(caller_in(request), validated(_BASE, request.data))
        return Response(_BASE(self.get_queryset().get(id=base.id)).data, 201)

    @extend_schema(
        summary="Change a knowledge base",
        request=serializers.KnowledgeBaseChange,
        responses={200: _BASE, **problems(400, 401, 403, 404)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change its name, its description, or how much keywords count, as its owner."""
        base = bases.owned(caller_in(request).user, UUID(pk))
        fields = validated(serializers.KnowledgeBaseChange, request.data)
        KnowledgeBase.objects.filter(id=base.id).update(**fields)
        return Response(_BASE(self.get_object()).data)

    @extend_schema(
        summary="Delete a knowledge base", responses={204: None, **problems(401, 403, 404)}
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a base with its documents, their passages and files, whatever is being done, as
        its owner."""
        bases.delete(bases.owned(caller_in(request).user, UUID(pk)))
        return Response(status=204)

    @extend_schema(
        summary="Compare a base with its source",
        request=serializers.Sync,
        responses={200: serializers.SyncAnswer, **problems(400, 401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str) -> Response:
        """Say which documents of a source are to be uploaded, since the base has them not at all or
        with other bytes, and which of the base's the source has no more. With `delete_missing`
        these are deleted. Documents without an external id are left alone."""
        base = bases.changeable(caller_in(request).user, UUID(pk))
        told = validated(serializers.Sync, request.data)
        hashes = {listed["external_id"]: listed["hash"] for listed in told["documents"]}
        compared = syncing.compare(base, hashes, delete_missing=told["delete_missing"])
        return Response(serializers.SyncAnswer(compared).data)
