"""The HTTP API of users, logins and API tokens."""

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
from rest_framework.viewsets import ViewSet
from rest_framework_simplejwt.tokens import AccessToken

from accounts import credentials, limits, refresh, serializers, throttles, tokens
from accounts.authentication import BearerAuthentication, caller_in
from accounts.models import ApiToken, User
from accounts.permissions import NotByLimitedToken
from rini.errors import InvalidInput, NotFound
from rini.secrets.secret import Secret
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource


class OpenViewSet(ViewSet):
    """For callers without a valid token: an old one in the header does no harm here."""

    tags = ["accounts"]
    authentication_classes = []
    permission_classes = []


class UserViewSet(OpenViewSet):
    @extend_schema(
        summary="Open an account",
        request=serializers.Registration,
        responses={201: serializers.NewAccount, **problems(400, 403, 503)},
        auth=[],
    )
    def create(self, request: Request) -> Response:
        """Open an account; with an empty body one without a name, which only its tokens open."""
        user = credentials.register(validated(serializers.Registration, request.data))
        body = {"id": user.pk, "username": user.username, **pair(user, refresh.begin(user))}
        return Response(body, 201)

    @extend_schema(
        summary="Show the account", responses={200: serializers.AccountSerializer, **problems(401)}
    )
    @action(
        detail=False,
        authentication_classes=[BearerAuthentication],
        permission_classes=[IsAuthenticated, NotByLimitedToken],
    )
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
        """Change name, e-mail address or password; a new password ends every login."""
        user = caller_in(request).user
        fields = validated(serializers.AccountChange, request.data, instance=user)
        current = fields.pop("current_password", None)
        if "password" in fields and user.has_usable_password():
            check_current_password(user, current, throttles.address_of(request))
        change(user, fields)
        return Response(serializers.AccountSerializer(user).data)

    @extend_schema(summary="Delete the account", responses={204: None, **problems(401, 403)})
    @me.mapping.delete
    def delete_me(self, request: Request) -> Response:
        """Delete the account and everything that it owns; the ledger keeps its rows without it."""
        with transaction.atomic():
            # Locked, so that nothing new refers to the account while what it owns is deleted.
            User.objects.select_for_update().get(pk=caller_in(request).user.pk).delete()
        return Response(status=204)


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
        address = throttles.address_of(request)
        user = credentials.log_in(fields["username"], fields["password"], address)
        return Response(pair(user, refresh.begin(user)))

    @extend_schema(
        summary="Renew a login",
        request=serializers.RefreshRequest,
        responses={200: serializers.TokenPair, **problems(400, 401, 503)},
        auth=[],
    )
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Change a refresh token for a new pair. Each works once: a second use ends the login."""
        fields = validated(serializers.RefreshRequest, request.data)
        return Response(pair(*refresh.rotate(fields["refresh_token"])))

    @extend_schema(
        summary="Log out",
        request=serializers.RefreshRequest,
        responses={204: None, **problems(400, 401, 503)},
        auth=[],
    )
    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        """End the login of a refresh token. Its access tokens run out by themselves."""
        fields = validated(serializers.RefreshRequest, request.data)
        refresh.end_family(fields["refresh_token"])
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
        limits.note(page or ())
        return page

    def get_queryset(self) -> QuerySet[ApiToken]:
        mine = ApiToken.objects.visible_to(caller_in(self.request).user)
        return mine.order_by("-created_at", "-id")

    @extend_schema(
        summary="Make an API token",
        request=serializers.TokenSerializer,
        responses={201: serializers.NewToken, **problems(400, 401, 403)},
    )
    def create(self, request: Request) -> Response:
        """Make a token. Its secret is in this answer and never shown again."""
        fields = validated(serializers.TokenSerializer, request.data)
        with transaction.atomic():
            wanted = fields.pop("limits", {})
            token, secret = tokens.create(caller_in(request).user, **fields)
            limits.give(token, wanted)
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
        with transaction.atomic():
            limits.give(token, fields.pop("limits", {}))
            self.get_queryset().filter(pk=pk).update(**fields)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Rotate an API token",
        request=None,
        responses={200: serializers.NewToken, **problems(401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Give the token a new secret. The old one works until `former_valid_until`."""
        token = self.get_object()
        try:
            secret = tokens.rotate(token)
        except ApiToken.DoesNotExist:
            raise NotFound from None
        return secret_response(token, secret, status=200)


def change(user: User, fields: dict[str, Any]) -> None:
    """Set and save fields of `user`. With a new password every login has to be made anew."""
    with transaction.atomic():
        if "password" in fields:
            refresh.end_all(user)
            user.set_password(fields["password"])
        for name in fields.keys() - {"password"}:
            setattr(user, name, fields[name])
        credentials.save(user, update_fields=list(fields))


def pair(user: User, refresh_token: Secret) -> dict[str, str]:
    return {
        "access_token": str(AccessToken.for_user(user)),
        "refresh_token": refresh_token.reveal(),
        "token_type": "bearer",
    }


def check_current_password(user: User, password: str, address: str) -> None:
    with throttles.guess(str(user.pk), address):
        if not user.check_password(password):
            raise InvalidInput(errors={"current_password": ["This is not the current password."]})


def secret_response(token: ApiToken, secret: Secret, *, status: int) -> Response:
    return Response({**serializers.TokenSerializer(token).data, "token": secret.reveal()}, status)
