"""Generations: what is being written, and what was."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from accounts.authentication import caller_in
from conversations.api.serializers import GenerationSerializer
from conversations.models import Generation, GenerationStatus
from rini.web.api_schema import problems
from rini.web.routes import Resource


@extend_schema_view(
    list=extend_schema(
        summary="List what is being written",
        responses={200: GenerationSerializer(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Open a generation", responses={200: GenerationSerializer, **problems(401, 404)}
    ),
)
class GenerationViewSet(ListModelMixin, RetrieveModelMixin, Resource[Generation]):
    """The caller's generations; the list has those that run, newest first."""

    tags = ["generations"]
    serializer_class = GenerationSerializer
    queryset = Generation.objects.none()

    def get_queryset(self) -> QuerySet[Generation]:
        mine = Generation.objects.visible_to(caller_in(self.request).user).order_by("-created_at")
        return mine.filter(status=GenerationStatus.RUNNING) if self.action == "list" else mine
