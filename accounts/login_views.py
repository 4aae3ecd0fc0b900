"""The HTTP API of logins: logging in, renewing, logging out, and which logins there are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts import credentials, refresh, security_log, serializers
from accounts.authentication import BearerAuthentication, caller_in
from accounts.models import EventName, Login, User
from accounts.permissions import NotByLimitedToken
from accounts.refresh import Begun
from rini.errors import NotFound
from rini.translation import gettext as _
from rini.web import client
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import UUID_PATTERN

UNKEPT = {"Cache-Control": "no-store"}
"""Of answers that hold a secret: nobody may keep them, not even `rini.web.once`."""
OF_CALLER: dict[str, Any] = {
    "authentication_classes": [BearerAuthentication],
    "permission_classes": [IsAuthenticated, NotByLimitedToken],
}
"""The options of an action that is for callers with a token, where the others are not."""


class OpenViewSet(ViewSet):
    """For callers without a valid token: an old one in the header does no harm here."""

    tags = ["accounts"]
    authentication_classes = []
    permission_classes = []


class LoginViewSet(OpenViewSet):
    @extend_schema(
        summary="Log in",
        request=serializers.Credentials,
        responses={200: serializers.TokenPair, **problems(400, 401, 429, 503)},
        auth=[],
    )
    @action(detail=False, methods=["post"])
    def token(self, request: Request) -> Response:
        """Log in: an access token and a refresh token."""
        fields = validated(serializers.Credentials, request.data)
        user = credentials.log_in(fields["username"], fields["password"], fields.get("code") or "")
        return Response(begun(user, request), headers=UNKEPT)

    @extend_schema(
        summary="Renew a login",
        request=serializers.RefreshRequest,
        responses={200: serializers.TokenPair, **problems(400, 401, 409, 503)},
        auth=[],
    )
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair. Each works once: a second use ends the login.

        Only a request that comes at the same time, or some seconds later, does not: it gets 409.
        """
        fields = validated(serializers.RefreshRequest, request.data)
        return Response(pair(refresh.rotate(fields["refresh_token"])), headers=UNKEPT)

    @extend_schema(
        summary="Log out",
        request=serializers.RefreshRequest,
        responses={204: None, **problems(400, 401, 503)},
        auth=[],
    )
    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        """End the login of a refresh token, with its access tokens."""
        fields = validated(serializers.RefreshRequest, request.data)
        user_id = refresh.end_family(fields["refresh_token"])
        security_log.record(EventName.LOGIN_ENDED, user_id=user_id, details={"by": "logout"})
        return Response(status=204)

    @extend_schema(
        summary="List logins",
        responses={200: serializers.LoginSerializer(many=True), **problems(401)},
    )
    @action(detail=False, **OF_CALLER)
    def logins(self, request: Request) -> Response:
        """The caller's open logins, newest first."""
        caller = caller_in(request)
        found = Login.objects.visible_to(caller.user).filter(
            ended_at=None, expires_at__gt=timezone.now()
        )
        rows: list[Any] = list(found.order_by("-created_at", "-id")[:MOST_SHOWN])
        for row in rows:
            row.current = row.pk == caller.right.login_id
        return Response(serializers.LoginSerializer(rows, many=True).data)

    @extend_schema(
        summary="End the other logins",
        responses={200: serializers.EndedLogins, **problems(401, 403)},
    )
    @logins.mapping.delete
    def end_others(self, request: Request) -> Response:
        """End every login but the one that asks; with an API token, all of them."""
        caller = caller_in(request)
        ended = refresh.end_all(caller.user, but=caller.right.login_id)
        security_log.record(EventName.LOGIN_ENDED, details={"by": "others", "logins": ended})
        return Response({"ended": ended})

    @extend_schema(
        summary="End a login",
        parameters=[OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={204: None, **problems(401, 403, 404)},
    )
    @action(
        detail=False, methods=["delete"], url_path=f"logins/(?P<id>{UUID_PATTERN})", **OF_CALLER
    )
    def end_one(self, request: Request, id: str) -> Response:  # noqa: A002  # as it stands in the path
        """End one of the caller's logins, with its refresh and access tokens."""
        if not refresh.end(caller_in(request).user, [UUID(id)]):
            raise NotFound(_("Login %(id)s not found.") % {"id": id})
        security_log.record(EventName.LOGIN_ENDED, details={"by": "id", "login": id})
        return Response(status=204)


MOST_SHOWN = 100


def begun(user: User, request: Request) -> dict[str, str]:
    """A new login of `user`, as the API shows it."""
    agent = request.headers.get("User-Agent", "")
    return pair(refresh.begin(user, address=client.address(), agent=agent))


def pair(made: Begun) -> dict[str, str]:
    return {
        "access_token": made.access_token,
        "refresh_token": made.secret.reveal(),
        "token_type": "bearer",
    }
