"""The REST API of imports that run in the background."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations.files import import_jobs
from conversations.models import SessionImport
from rini.web.api_schema import problems
from rini.web.routes import Resource


class Refusal(serializers.Serializer[Any]):
    conversation = serializers.IntegerField(help_text="Its place in the file, from 0.")
    detail = serializers.CharField()


class SessionImportSerializer(serializers.ModelSerializer[SessionImport]):
    session_ids = serializers.ListField(child=serializers.UUIDField(), read_only=True)
    refusals = Refusal(many=True, read_only=True)

    class Meta:
        model = SessionImport
        fields = [
            *("id", "status", "total", "taken", "session_ids", "refusals"),
            *("created_at", "ended_at"),
        ]
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(
        summary="List imports",
        responses={200: SessionImportSerializer(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Show an import", responses={200: SessionImportSerializer, **problems(401, 404)}
    ),
)
class SessionImportViewSet(ListModelMixin, RetrieveModelMixin, Resource[SessionImport]):
    """The caller's imports that run, or ran, in the background, newest first. `taken` of `total`
    conversations have been dealt with."""

    tags = ["sessions"]
    serializer_class = SessionImportSerializer
    queryset = SessionImport.objects.none()

    def get_queryset(self) -> QuerySet[SessionImport]:
        mine = SessionImport.objects.visible_to(caller_in(self.request).user)
        return mine.order_by("-created_at", "-id")

    @extend_schema(
        summary="Cancel an import",
        responses={200: SessionImportSerializer, **problems(401, 404, 409)},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Cancel an import. The sessions that have come in stay."""
        job = self.get_object()
        import_jobs.cancel(job)
        return Response(self.get_serializer(job).data)
