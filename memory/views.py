"""The HTTP API of memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from memory import entries, exchange, serializers, sources, traces
from memory.models import Change, Memory, MemoryType, Scope, Status
from rini.web import query
from rini.web.api import SkipLimitPagination
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource

_MEMORY = serializers.MemorySerializer


@extend_schema_view(
    retrieve=extend_schema(
        summary="Show an entry of memory", responses={200: _MEMORY, **problems(401, 404)}
    ),
)
class MemoryViewSet(ListModelMixin, RetrieveModelMixin, Resource[Memory]):
    """What is known of the caller."""

    tags = ["memory"]
    serializer_class = _MEMORY
    queryset = Memory.objects.none()
    lookup_value_regex = "[0-9]{1,18}"
    default_limit = 100

    def get_queryset(self) -> QuerySet[Memory]:
        mine = Memory.objects.visible_to(caller_in(self.request).user)
        return mine.prefetch_related("evidence").order_by("timestamp", "id")

    @extend_schema(
        summary="List the entries of memory",
        parameters=[
            OpenApiParameter(
                "session_id", str, description="Only those of this session, and the shared ones."
            ),
            OpenApiParameter("scope", str, enum=Scope.values),
            OpenApiParameter("memory_type", str, enum=MemoryType.values),
            OpenApiParameter("status", str, enum=Status.values),
            OpenApiParameter(
                "q", str, description="What fits this best, the best first: any word counts."
            ),
        ],
        responses={200: _MEMORY(many=True), **problems(400, 401)},
    )
    def list(self, request: Request) -> Response:
        """Entries, oldest first; with `q` the best first."""
        user = caller_in(request).user
        found = self.get_queryset()
        session_id = query.uuid(request, "session_id")
        if session_id:
            found = found.filter(Q(session_id=session_id) | Q(scope=Scope.SHARED))
        if scope := query.choice(request, "scope", Scope.values):
            found = found.filter(scope=scope)
        if memory_type := query.choice(request, "memory_type", MemoryType.values):
            found = found.filter(memory_type=memory_type)
        if status := query.choice(request, "status", Status.values):
            found = found.filter(pk__in=Memory.objects.of_status(status).visible_to(user))
        text = query.text(request, "q", most=1000)
        rows: Any = self._best(user.pk, found, text) if text else found
        return Response(_MEMORY(self.paginate_queryset(rows), many=True).data)

    def _best(self, user_id: UUID, found: QuerySet[Memory], text: str) -> Sequence[Memory]:
        keys = traces.entries(user_id, text)
        rows = found.in_bulk(keys)
        return [rows[key] for key in keys if key in rows]

    @extend_schema(
        summary="Change an entry of memory",
        request=serializers.MemoryChange,
        responses={200: _MEMORY, **problems(400, 401, 404, 409)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an entry. What it was stays in its history, and can be had back by undoing."""
        fields = validated(serializers.MemoryChange, request.data)
        entries.edit(self.get_object(), fields)
        return Response(_MEMORY(self.get_object()).data)

    @extend_schema(summary="Delete an entry of memory", responses={204: None, **problems(401, 404)})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete an entry with its history. Nothing makes it again by itself, and what it had
        taken the place of holds again."""
        memory = self.get_object()
        entries.delete(memory.user, Memory.objects.filter(pk=memory.pk))
        return Response(status=204)

    @extend_schema(
        summary="Say yes to an entry of memory",
        request=None,
        responses={200: _MEMORY, **problems(401, 404, 409)},
    )
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Have an entry count that waits for it (`pending`)."""
        entries.confirm(self.get_object())
        return Response(_MEMORY(self.get_object()).data)

    @extend_schema(
        summary="Take back the last change of an entry",
        request=None,
        responses={200: _MEMORY, 204: None, **problems(401, 404, 409)},
    )
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take back what last became of an entry: an edit, a yes, that it was superseded; at last
        that it was made, and then it is gone (204)."""
        left = entries.undo(self.get_object())
        return Response(status=204) if left is None else Response(_MEMORY(self.get_object()).data)

    @extend_schema(
        summary="List what became of an entry",
        responses={200: serializers.ChangeSerializer(many=True), **problems(400, 401, 404)},
    )
    @action(detail=True)
    def history(self, request: Request, pk: str) -> Response:
        """What became of an entry, and of those whose place it took, oldest first."""
        memory = self.get_object()
        line = [memory.pk]
        while older := list(
            Memory.objects.filter(superseded_by__in=line)
            .exclude(pk__in=line)
            .values_list("pk", flat=True)
        ):
            line += older
        changes = Change.objects.filter(memory__in=line).order_by("at", "id")
        page: list[Any] = SkipLimitPagination().paginate_queryset(changes, request, self)
        return Response(serializers.ChangeSerializer(page, many=True).data)

    @extend_schema(
        summary="Export the memory",
        responses={200: serializers.MemoryFile, **problems(401)},
    )
    @action(detail=False)
    def export(self, request: Request) -> Response:
        """All entries, those too that are superseded or have expired."""
        return Response(exchange.export(caller_in(request).user))

    @extend_schema(
        summary="Import a memory",
        request=serializers.MemoryFile,
        responses={200: serializers.ImportedMemories, **problems(400, 401, 409)},
    )
    @action(detail=False, methods=["post"], url_path="import")
    def import_(self, request: Request) -> Response:
        """Take in what `GET /memory/export` gave. What is there already stays as it is."""
        fields = validated(serializers.MemoryFile, request.data)
        new, there = exchange.take_in(caller_in(request).user, fields["memories"])
        return Response({"imported": new, "unchanged": there})


class SessionMemoryViewSet(Resource[Memory]):
    """What is to be remembered of a session."""

    tags = ["memory"]
    serializer_class = _MEMORY
    queryset = Memory.objects.none()

    @extend_schema(
        summary="Remember something",
        request=serializers.NewMemory,
        responses={201: _MEMORY, **problems(400, 401, 404, 409)},
    )
    def create(self, request: Request, session_id: str) -> Response:
        """Make an entry: for the session, or, with the scope `Shared`, for all sessions."""
        user = caller_in(request).user
        fields = validated(serializers.NewMemory, request.data)
        sources.check_writable(user, UUID(session_id))
        memory = entries.create(user, UUID(session_id), fields)
        return Response(_MEMORY(memory).data, 201)

    @extend_schema(
        summary="List the entries of a session",
        responses={200: _MEMORY(many=True), **problems(400, 401, 404)},
    )
    def list(self, request: Request, session_id: str) -> Response:
        """The entries of the session and the shared ones, oldest first."""
        user = caller_in(request).user
        sources.conversations().remembers(user, UUID(session_id))
        mine = Memory.objects.visible_to(user).prefetch_related("evidence")
        found = mine.filter(Q(session_id=UUID(session_id)) | Q(scope=Scope.SHARED))
        page = self.paginate_queryset(found.order_by("timestamp", "id"))
        return Response(_MEMORY(page, many=True).data)

    default_limit = 100
