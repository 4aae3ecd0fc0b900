"""The HTTP API of connections to servers of tools; what asks the servers is in `endpoints`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from providers.models import Approval, McpConnection, Transport
from providers.tools import connections
from providers.tools.serializers import AcceptedTools, ConnectionSerializer
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource

_SHAPE = ConnectionSerializer
_UNSAID: dict[str, Any] = {
    "transport": Transport.STREAMABLE_HTTP,
    "enabled": True,
    "allowed_tools": None,
    "require_approval": Approval.CHANGING,
}
"""What PUT makes of fields that it leaves out. (Headers, which nobody can read, stay.)"""


@extend_schema_view(
    list=extend_schema(
        summary="List connections to tools",
        responses={200: _SHAPE(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Show a connection to tools", responses={200: _SHAPE, **problems(401, 404)}
    ),
)
class McpConnectionViewSet(ListModelMixin, RetrieveModelMixin, Resource[McpConnection]):
    """The caller's connections, and those that are shared with the caller, newest first."""

    tags = ["tools"]
    serializer_class = _SHAPE
    queryset = McpConnection.objects.none()

    def get_queryset(self) -> QuerySet[McpConnection]:
        return connections.seen_by(caller_in(self.request).user)

    @extend_schema(
        summary="Connect a server of tools",
        request=_SHAPE,
        responses={201: _SHAPE, **problems(400, 401, 409)},
    )
    def create(self, request: Request) -> Response:
        """Connect a server that speaks the Model Context Protocol. It is not asked anything yet:
        `test` does that."""
        fields = validated(_SHAPE, request.data)
        return self._shown(connections.create(caller_in(request).user, fields).id, 201)

    @extend_schema(
        summary="Replace a connection to tools",
        request=_SHAPE,
        responses={200: _SHAPE, **problems(400, 401, 403, 404)},
    )
    def update(self, request: Request, pk: str) -> Response:
        """Set all that a connection says: what is left out is as in a new one, but for `headers`,
        which stay."""
        connection = connections.changeable(caller_in(request).user, UUID(pk))
        fields = validated(_SHAPE, request.data)
        connections.change(connection, {**_UNSAID, **fields})
        return self._shown(connection.id, 200)

    @extend_schema(
        summary="Change a connection to tools",
        request=_SHAPE,
        responses={200: _SHAPE, **problems(400, 401, 403, 404)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given. With another `url` the `headers` have to be given again."""
        connection = connections.changeable(caller_in(request).user, UUID(pk))
        connections.change(connection, validated(_SHAPE, request.data, partial=True))
        return self._shown(connection.id, 200)

    @extend_schema(
        summary="Accept changed tools",
        request=AcceptedTools,
        responses={200: _SHAPE, **problems(400, 401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        """Have tools that the server has changed or added be called as `require_approval` says:
        as they were described when they had the digests that are given."""
        connection = connections.changeable(caller_in(request).user, UUID(pk))
        connections.accept(connection, validated(AcceptedTools, request.data)["tools"])
        return self._shown(connection.id, 200)

    @extend_schema(
        summary="Delete a connection to tools", responses={204: None, **problems(401, 403, 404)}
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a connection with its headers, as its owner."""
        connections.owned(caller_in(request).user, UUID(pk)).delete()
        return Response(status=204)

    def _shown(self, connection_id: UUID, status: int) -> Response:
        return Response(_SHAPE(self.get_queryset().get(id=connection_id)).data, status)
