"""Sessions and generations: what is listed, opened and changed."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations import lifetime, search
from conversations.api.serializers import GenerationSerializer, SessionSerializer
from conversations.models import Generation, GenerationStatus, Session
from rini.web import query
from rini.web.api_schema import problems
from rini.web.query import described

_FILTERS = [
    described("q", "Words, or parts of them, of the title or of any message."),
    described("tag", "Sessions with this tag."),
    described("archived", "Archived sessions, or the others.", OpenApiTypes.BOOL),
    described("pinned", "Pinned sessions, or the others.", OpenApiTypes.BOOL),
]
_MADE: dict[Any, Any] = {201: SessionSerializer, **problems(400, 401)}
_CHANGED: dict[Any, Any] = {200: SessionSerializer, **problems(400, 401, 403, 404)}


@extend_schema(tags=["sessions"])
@extend_schema_view(
    list=extend_schema(
        summary="List sessions",
        parameters=_FILTERS,
        responses={200: SessionSerializer(many=True), **problems(400, 401)},
    ),
    create=extend_schema(summary="Begin a session", responses=_MADE),
    retrieve=extend_schema(
        summary="Open a session", responses={200: SessionSerializer, **problems(401, 404)}
    ),
    update=extend_schema(summary="Change a session", responses=_CHANGED),
    partial_update=extend_schema(summary="Change some of a session", responses=_CHANGED),
)
class SessionViewSet(
    mixins.CreateModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    viewsets.GenericViewSet[Session],
):
    """The caller's sessions, newest first."""

    serializer_class = SessionSerializer
    queryset = Session.objects.none()

    def get_queryset(self) -> QuerySet[Session]:
        mine = Session.objects.visible_to(caller_in(self.request).user)
        if self.action == "list":
            mine = mine.filter(**self._filters())
        return mine.order_by("-created_at", "-id")

    def _filters(self) -> dict[str, Any]:
        tag = query.text(self.request, "tag")
        question = query.text(self.request, "q")
        caller = caller_in(self.request)
        wanted = {
            "archived": query.flag(self.request, "archived"),
            "pinned": query.flag(self.request, "pinned"),
            "tags__contains": [tag] if tag else None,
            "id__in": search.entries(caller.user, question).values("session") if question else None,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    @transaction.atomic
    def perform_create(self, serializer: Any) -> None:
        search.index_title(serializer.save(user=caller_in(self.request).user))

    @transaction.atomic
    def perform_update(self, serializer: Any) -> None:
        session = serializer.save()
        if "alias" in serializer.validated_data:
            search.index_title(session)

    @extend_schema(summary="Delete a session", responses={204: None, **problems(401, 404, 503)})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a session with its messages and its own keys. What is being written in it is
        stopped, and billed."""
        session = self.get_object()
        async_to_sync(lifetime.end)(caller_in(request).user, session.id)
        return Response(status=204)


@extend_schema(tags=["generations"])
@extend_schema_view(
    list=extend_schema(
        summary="List what is being written",
        responses={200: GenerationSerializer(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Open a generation", responses={200: GenerationSerializer, **problems(401, 404)}
    ),
)
class GenerationViewSet(viewsets.ReadOnlyModelViewSet[Generation]):
    """The caller's generations; the list has those that run, newest first."""

    serializer_class = GenerationSerializer
    queryset = Generation.objects.none()

    def get_queryset(self) -> QuerySet[Generation]:
        mine = Generation.objects.visible_to(caller_in(self.request).user).order_by("-created_at")
        return mine.filter(status=GenerationStatus.RUNNING) if self.action == "list" else mine
