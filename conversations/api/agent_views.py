"""The HTTP API of agents and their versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations.agents import drafts, versions
from conversations.agents.models import Agent, AgentSettings
from conversations.api.agent_serializers import (
    AgentComparison,
    AgentSerializer,
    AgentVersionSerializer,
    RollbackRequest,
)
from rini.web import query
from rini.web.api import SkipLimitPagination
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource

_CHANGED: dict[Any, Any] = {200: AgentSerializer, **problems(400, 401, 403, 404, 409)}


@extend_schema_view(
    list=extend_schema(
        summary="List agents",
        responses={200: AgentSerializer(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Show an agent", responses={200: AgentSerializer, **problems(401, 404)}
    ),
)
class AgentViewSet(ListModelMixin, RetrieveModelMixin, Resource[Agent]):
    """The caller's agents, and those that are shared with the caller, newest first."""

    tags = ["agents"]
    serializer_class = AgentSerializer
    queryset = Agent.objects.none()

    def get_queryset(self) -> QuerySet[Agent]:
        user = caller_in(self.request).user
        return Agent.objects.visible_to(user).with_access(user).order_by("-created_at", "-id")

    @extend_schema(
        summary="Make an agent",
        responses={201: AgentSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def create(self, request: Request) -> Response:
        """Make an agent. It is a draft, which answers nobody until it is published."""
        fields = validated(AgentSerializer, request.data, context=self.get_serializer_context())
        agent = drafts.create(caller_in(request).user, fields)
        return Response(self._shown(agent.pk), 201)

    @extend_schema(summary="Change an agent", responses=_CHANGED)
    def update(self, request: Request, pk: str) -> Response:
        """Change the draft: what is left out stays as well. The version in use stays as it is."""
        return self._change(request, UUID(pk), partial=False)

    @extend_schema(summary="Change some of an agent", responses=_CHANGED)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given of the draft. The version in use stays as it is."""
        return self._change(request, UUID(pk), partial=True)

    @extend_schema(summary="Delete an agent", responses={204: None, **problems(401, 403, 404)})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete an agent with its versions, as its owner. What it has answered stays."""
        drafts.owned(caller_in(request).user, UUID(pk)).delete()
        return Response(status=204)

    @extend_schema(
        summary="Publish an agent",
        request=None,
        responses={200: AgentSerializer, **problems(401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Have the draft answer from now on, as a new version. Where nothing has changed since the
        last one there is no new version."""
        with transaction.atomic():
            versions.publish(drafts.changeable(caller_in(request).user, UUID(pk)))
        return Response(self._shown(UUID(pk)))

    @extend_schema(
        summary="Roll an agent back",
        request=RollbackRequest,
        responses={200: AgentSerializer, **problems(400, 401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Have an earlier version answer again. The draft stays as it is."""
        with transaction.atomic():
            agent = drafts.changeable(caller_in(request).user, UUID(pk))
            versions.roll_back(agent, validated(RollbackRequest, request.data)["version"])
        return Response(self._shown(UUID(pk)))

    @extend_schema(
        summary="List the versions of an agent",
        responses={200: AgentVersionSerializer(many=True), **problems(400, 401, 404)},
    )
    @action(detail=True)
    def versions(self, request: Request, pk: str) -> Response:
        """Everything that was published, newest first."""
        rows = self.get_object().versions.order_by("-number")
        page: list[Any] = SkipLimitPagination().paginate_queryset(rows, request, self)
        return Response(AgentVersionSerializer(page, many=True).data)

    @extend_schema(
        summary="Compare two versions of an agent",
        parameters=[
            OpenApiParameter("from", int, description="A version; by default the one in use."),
            OpenApiParameter("to", int, description="Another; by default the draft."),
        ],
        responses={200: AgentComparison, **problems(400, 401, 404, 409)},
    )
    @action(detail=True)
    def compare(self, request: Request, pk: str) -> Response:
        """Which settings differ, and how."""
        agent = self.get_object()
        before = versions.in_use(agent, query.whole(request, "from", least=1))
        to = query.whole(request, "to", least=1)
        after: AgentSettings = agent if to is None else versions.get(agent, to)
        told = {"from": before.number, "to": to, "changes": versions.differences(before, after)}
        return Response(AgentComparison(told).data)

    @transaction.atomic
    def _change(self, request: Request, agent_id: UUID, *, partial: bool) -> Response:
        user = caller_in(request).user
        agent = drafts.changeable(user, agent_id)
        fields = validated(
            AgentSerializer,
            request.data,
            instance=agent,
            partial=partial,
            context=self.get_serializer_context(),
        )
        drafts.change(user, agent, fields)
        return Response(self._shown(agent_id))

    def _shown(self, agent_id: UUID) -> Any:
        return AgentSerializer(self.get_queryset().get(pk=agent_id)).data
