"""The HTTP API of users and API tokens."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import credentials, groups, security_log, serializers, token_limits, tokens
from accounts.authentication import caller_in
from accounts.login_views import OF_CALLER, UNKEPT, OpenViewSet, begun
from accounts.models import ApiToken, EventName, User
from accounts.permissions import NotByLimitedToken
from rini.errors import NotFound
from rini.secrets.secret import Secret
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource

_ANYBODYS = {"memory_enabled"}
"""What whoever is logged in may change of an account: it does not say whose it is."""


class UserViewSet(OpenViewSet):
    @extend_schema(
        summary="Open an account",
        request=serializers.Registration,
        responses={201: serializers.NewAccount, **problems(400, 403, 429, 503)},
        auth=[],
    )
    def create(self, request: Request) -> Response:
        """Open an account; with an empty body one without a name, which only its tokens open."""
        user = credentials.register(validated(serializers.Registration, request.data))
        account = {"id": user.pk, "username": user.username}
        return Response(account | begun(user, request), 201, headers=UNKEPT)

    @extend_schema(
        summary="Show the account", responses={200: serializers.AccountSerializer, **problems(401)}
    )
    @action(detail=False, **OF_CALLER)
    def me(self, request: Request) -> Response:
        """The caller's account."""
        return Response(serializers.AccountSerializer(caller_in(request).user).data)

    @extend_schema(
        summary="Change the account",
        request=serializers.AccountChange,
        responses={200: serializers.AccountSerializer, **problems(400, 401, 403, 429, 503)},
    )
    @me.mapping.patch
    def change_me(self, request: Request) -> Response:
        """Change name, e-mail address or password, or switch memory on and off; a new password ends
        every login.

        An account with a password changes none of the first three without it: `current_password`.
        """
        user, login_id = caller_in(request).user, caller_in(request).right.login_id
        fields = validated(serializers.AccountChange, request.data, instance=user)
        current = fields.pop("current_password", None)
        if fields.keys() - _ANYBODYS:
            credentials.confirm(user, current)
        if fields:
            credentials.change(user, fields, login_id)
        return Response(serializers.AccountSerializer(user).data)

    @extend_schema(
        summary="Delete the account",
        responses={204: None, **problems(400, 401, 403, 409, 429, 503)},
    )
    @me.mapping.delete
    def delete_me(self, request: Request) -> Response:
        """Delete the account and everything that it owns; the ledger keeps its rows without it.

        An account with a password needs it, in a JSON body: `{"current_password": "…"}`. The last
        owner of a group with others in it names another first: 409 `last_owner`.
        """
        user = caller_in(request).user
        body = validated(serializers.Confirmation, request.data)
        credentials.confirm(user, body.get("current_password"))
        with transaction.atomic():
            groups.leave_all(user, hand_over=False)
            # Locked, so that nothing new refers to the account while what it owns is deleted.
            User.objects.select_for_update().get(pk=user.pk).delete()
        security_log.record(EventName.USER_DELETED, user_id=user.pk)
        return Response(status=204)


@extend_schema_view(
    list=extend_schema(
        summary="List API tokens",
        responses={200: serializers.TokenSerializer(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Show an API token",
        responses={200: serializers.TokenSerializer, **problems(401, 404)},
    ),
    destroy=extend_schema(
        summary="Delete an API token", responses={204: None, **problems(401, 403, 404)}
    ),
)
class TokenViewSet(ListModelMixin, RetrieveModelMixin, DestroyModelMixin, Resource[ApiToken]):
    """The caller's API tokens."""

    tags = ["accounts"]
    serializer_class = serializers.TokenSerializer
    permission_classes = [IsAuthenticated, NotByLimitedToken]
    queryset = ApiToken.objects.none()

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        token_limits.note(page or ())
        return page

    def get_queryset(self) -> QuerySet[ApiToken]:
        mine = ApiToken.objects.visible_to(caller_in(self.request).user)
        return mine.order_by("-created_at", "-id")

    @extend_schema(
        summary="Make an API token",
        request=serializers.TokenRequest,
        responses={201: serializers.NewToken, **problems(400, 401, 403)},
    )
    def create(self, request: Request) -> Response:
        """Make a token. Its secret is in this answer and never shown again."""
        user = caller_in(request).user
        fields = validated(serializers.TokenRequest, request.data)
        credentials.confirm(user, fields.pop("current_password", None))
        with transaction.atomic():
            wanted = fields.pop("limits", {})
            token, secret = tokens.create(user, **fields)
            token_limits.give(token, wanted)
        tell(EventName.TOKEN_CREATED, token)
        return secret_response(token, secret, status=201)

    @extend_schema(
        summary="Change an API token",
        request=serializers.TokenSerializer,
        responses={200: serializers.TokenSerializer, **problems(400, 401, 403, 404)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name, end, models or limits of a token."""
        token = self.get_object()
        fields = validated(serializers.TokenSerializer, request.data, instance=token, partial=True)
        changed = sorted(fields.keys() - {"limits"} | fields.get("limits", {}).keys())
        with transaction.atomic():
            token_limits.give(token, fields.pop("limits", {}))
            self.get_queryset().filter(pk=pk).update(**fields)
        tell(EventName.TOKEN_CHANGED, token, fields=changed)
        return Response(self.get_serializer(self.get_object()).data)

    def perform_destroy(self, token: ApiToken) -> None:
        token_id = token.pk
        super().perform_destroy(token)
        token.pk = token_id  # Django has taken it away, and the log names the token by it
        tell(EventName.TOKEN_DELETED, token)

    @extend_schema(
        summary="Rotate an API token",
        request=serializers.Confirmation,
        responses={200: serializers.NewToken, **problems(400, 401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Give the token a new secret. The old one works until `former_valid_until`."""
        token = self.get_object()
        body = validated(serializers.Confirmation, request.data)
        credentials.confirm(token.user, body.get("current_password"))
        try:
            secret = tokens.rotate(token)
        except ApiToken.DoesNotExist:
            raise NotFound from None
        tell(EventName.TOKEN_ROTATED, token)
        return secret_response(token, secret, status=200)


def secret_response(token: ApiToken, secret: Secret, *, status: int) -> Response:
    body = {**serializers.TokenSerializer(token).data, "token": secret.reveal()}
    return Response(body, status, headers=UNKEPT)


def tell(event: EventName, token: ApiToken, **details: Any) -> None:
    details = {"name": token.name, "prefix": token.prefix, **details}
    security_log.record(event, user_id=token.user_id, token_id=token.pk, details=details)
