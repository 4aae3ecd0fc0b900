"""The REST API of calls of tools: which there were, and what becomes of those that wait."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations.answering.tools import deciding
from conversations.models import GenerationStatus
from conversations.tool_models import ToolCall, ToolCallState
from rini.text import storable_value
from rini.web import query
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource


class ToolCallSerializer(serializers.ModelSerializer[ToolCall]):
    """A call that a model has asked for. One that `waits` and is `requested` needs a decision."""

    generation_id = serializers.UUIDField(read_only=True)
    state = serializers.ChoiceField(ToolCallState.choices, read_only=True)
    arguments = serializers.DictField(read_only=True)

    class Meta:
        model = ToolCall
        fields = (
            *("id", "generation_id", "step", "name", "arguments", "state", "waits", "result"),
            *("created_at", "started_at", "ended_at"),
        )
        read_only_fields = fields


class ApprovalRequest(serializers.Serializer[Any]):
    """The arguments to call the tool with, where they are to be others than the model's."""

    arguments = serializers.DictField(required=False, allow_null=True)


@extend_schema_view(
    retrieve=extend_schema(
        summary="Show a call of a tool",
        responses={200: ToolCallSerializer, **problems(401, 404)},
    ),
)
class ToolCallViewSet(ListModelMixin, RetrieveModelMixin, Resource[ToolCall]):
    """The calls of tools in the caller's answers, newest first."""

    tags = ["generations"]
    serializer_class = ToolCallSerializer
    queryset = ToolCall.objects.none()

    def get_queryset(self) -> QuerySet[ToolCall]:
        mine = ToolCall.objects.visible_to(caller_in(self.request).user)
        return mine.order_by("-created_at", "-id")

    @extend_schema(
        summary="List calls of tools",
        parameters=[
            OpenApiParameter("generation_id", str, description="Only those of this answer."),
            OpenApiParameter("waiting", bool, description="Only those that need a decision."),
        ],
        responses={200: ToolCallSerializer(many=True), **problems(400, 401)},
    )
    def list(self, request: Request) -> Response:
        """The calls of tools in the caller's answers, newest first."""
        found = self.get_queryset()
        if generation_id := query.uuid(request, "generation_id"):
            found = found.filter(generation=generation_id)
        if query.flag(request, "waiting"):
            found = found.filter(
                waits=True,
                state=ToolCallState.REQUESTED,
                generation__status=GenerationStatus.RUNNING,
            )
        page = self.paginate_queryset(found)
        return Response(ToolCallSerializer(page, many=True).data)

    @extend_schema(
        summary="Approve a call of a tool",
        request=ApprovalRequest,
        responses={200: ToolCallSerializer, **problems(400, 401, 404, 409)},
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Have the call made; its answer goes on wherever it is written."""
        fields = validated(ApprovalRequest, request.data)
        arguments = storable_value(fields.get("arguments"))
        call = deciding.approve(caller_in(request).user, UUID(pk), arguments)
        return Response(ToolCallSerializer(call).data)

    @extend_schema(
        summary="Deny a call of a tool",
        request=None,
        responses={200: ToolCallSerializer, **problems(401, 404, 409)},
    )
    @action(detail=True, methods=["post"])
    def deny(self, request: Request, pk: str) -> Response:
        """Have the call not made. The model is told so, and answers without."""
        call = deciding.deny(caller_in(request).user, UUID(pk))
        return Response(ToolCallSerializer(call).data)
