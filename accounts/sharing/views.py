"""The HTTP API of shares: with whom a thing is shared, of whatever kind."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import caller_in
from accounts.login_views import UNKEPT
from accounts.permissions import NotByLimitedToken
from accounts.sharing import giving, kinds
from accounts.sharing.serializers import NewLink, NewShare, PointInSession, ShareSerializer
from rini.errors import InvalidInput
from rini.translation import gettext as _
from rini.web import query
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import UUID_PATTERN

_KIND = OpenApiParameter(
    "kind",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    description="`knowledge-bases`, `mcp-connections`, `sessions`.",
)
_ID = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)
_LIST = ShareSerializer(many=True)


class ShareViewSet(ViewSet):
    """With whom a thing is shared, which its owner decides."""

    tags = ["groups"]
    permission_classes = [IsAuthenticated, NotByLimitedToken]
    lookup_value_regex = UUID_PATTERN

    @extend_schema(
        summary="Show with whom a thing is shared",
        parameters=[_KIND, _ID],
        responses={200: _LIST, **problems(401, 403, 404)},
    )
    def retrieve(self, request: Request, kind: str, pk: str) -> Response:
        """All shares of a thing, the oldest first."""
        return _answer(request, kind, pk)

    @extend_schema(
        summary="Share a thing",
        parameters=[_KIND, _ID],
        request=NewShare,
        responses={200: _LIST, **problems(400, 401, 403, 404, 409)},
    )
    def update(self, request: Request, kind: str, pk: str) -> Response:
        """Share a thing with somebody, or change what they may do; other shares stay as they are.
        Sessions are only read."""
        user = caller_in(request).user
        found = kinds.get(kind)
        found.owned(user, UUID(pk))
        giving.give(found, user, UUID(pk), validated(NewShare, request.data))
        return _answer(request, kind, pk)

    @extend_schema(
        summary="End sharing a thing",
        parameters=[
            *(_KIND, _ID),
            OpenApiParameter("user_id", OpenApiTypes.UUID, description="With this user."),
            OpenApiParameter("group_id", OpenApiTypes.UUID, description="With this group."),
            OpenApiParameter("everyone", bool, description="With everyone."),
        ],
        responses={204: None, **problems(400, 401, 403, 404)},
    )
    def destroy(self, request: Request, kind: str, pk: str) -> Response:
        """End a share; without a parameter all of them, the link too. With one's own id one takes
        oneself out of somebody else's."""
        giving.end(kinds.get(kind), caller_in(request).user, UUID(pk), _named(request))
        return Response(status=204)

    @extend_schema(
        summary="Make a link to a thing",
        parameters=[_KIND, _ID],
        request=PointInSession,
        responses={201: NewLink, **problems(400, 401, 403, 404, 409)},
    )
    @action(detail=True, methods=["post"])
    def link(self, request: Request, kind: str, pk: str) -> Response:
        """Make a link to a session by which anybody may read it, without an account; an older link
        works no longer."""
        user = caller_in(request).user
        found = kinds.get(kind)
        found.owned(user, UUID(pk))
        wanted = validated(PointInSession, request.data)
        token = giving.make_link(found, user, UUID(pk), wanted).reveal()
        link = request.build_absolute_uri(f"/shared/{found.name}/{token}")
        return Response({"token": token, "link": link}, 201, headers=UNKEPT)

    @extend_schema(
        summary="End the link to a thing", responses={204: None, **problems(401, 403, 404)}
    )
    @link.mapping.delete
    def end_link(self, request: Request, kind: str, pk: str) -> Response:
        """Have the link work no longer."""
        giving.end_link(kinds.get(kind), caller_in(request).user, UUID(pk))
        return Response(status=204)


def _answer(request: Request, kind: str, pk: str) -> Response:
    shares: Any = giving.of(kinds.get(kind), caller_in(request).user, UUID(pk))
    return Response(ShareSerializer(shares, many=True).data)


def _named(request: Request) -> giving.Recipient | None:
    """Whose share a request means; None: everybody's."""
    given: dict[str, Any] = {
        "user_id": query.uuid(request, "user_id"),
        "group_id": query.uuid(request, "group_id"),
        "everyone": query.flag(request, "everyone"),
    }
    named = {name: value for name, value in given.items() if value}
    if len(named) > 1:
        names = ", ".join(given)
        message = _("Give exactly one of these: %(names)s.") % {"names": names}
        raise InvalidInput(errors={next(iter(named)): [message]})
    if not named and request.query_params:
        # What was meant to end one share must not end all of them.
        unknown = next(iter(request.query_params))
        raise InvalidInput(errors={unknown: [_("This says nobody.")]})
    return named or None
