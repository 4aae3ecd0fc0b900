"""The HTTP API of provider keys, and the list of models."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.db import connections
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import security_log
from accounts.authentication import caller_in
from accounts.models import EventName
from accounts.permissions import NotByLimitedToken
from providers import access, catalogue, keys, serializers
from providers.errors import ProviderError
from providers.models import ApiKey, Model
from providers.wires.registry import wire_named
from rini.secrets import sealed
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource


@extend_schema_view(
    list=extend_schema(
        summary="List provider keys",
        responses={200: serializers.KeySerializer(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Show a provider key",
        responses={200: serializers.KeySerializer, **problems(401, 404)},
    ),
    destroy=extend_schema(
        summary="Delete a provider key", responses={204: None, **problems(401, 403, 404)}
    ),
)
class KeyViewSet(ListModelMixin, RetrieveModelMixin, DestroyModelMixin, Resource[ApiKey]):
    """The caller's keys for providers, newest first; not those that belong to a conversation."""

    tags = ["provider keys"]
    serializer_class = serializers.KeySerializer
    permission_classes = [IsAuthenticated, NotByLimitedToken]
    queryset = ApiKey.objects.none()

    def get_queryset(self) -> QuerySet[ApiKey]:
        own = ApiKey.objects.visible_to(caller_in(self.request).user).filter(session_id=None)
        return own.select_related("provider").order_by("-created_at", "-id")

    @extend_schema(
        summary="Store a provider key",
        request=serializers.NewKey,
        responses={201: serializers.KeySerializer, **problems(400, 401, 403)},
    )
    def create(self, request: Request) -> Response:
        """Store a key. It is encrypted, and no answer ever holds it again."""
        new = validated(serializers.NewKey, request.data)
        key = keys.store(
            caller_in(request).user,
            new["model_provider"],
            new["api_key_value"],
            description=new["description"],
        )
        tell(EventName.KEY_CREATED, key)
        return Response(self.get_serializer(key).data, 201)

    @extend_schema(
        summary="Change a provider key",
        request=serializers.KeyChange,
        responses={200: serializers.KeySerializer, **problems(400, 401, 403, 404)},
    )
    def update(self, request: Request, pk: str) -> Response:
        """Change the description and, when it is given, the value."""
        key = self.get_object()
        change = validated(serializers.KeyChange, request.data, instance=key)
        keys.change(key, description=change.get("description"), value=change.get("api_key_value"))
        if change.get("api_key_value"):
            tell(EventName.KEY_CHANGED, key)
        return Response(self.get_serializer(key).data)

    def perform_destroy(self, key: ApiKey) -> None:
        super().perform_destroy(key)
        tell(EventName.KEY_DELETED, key)

    @extend_schema(
        summary="Check a provider key",
        request=None,
        responses={200: serializers.Verification, **problems(401, 404, 429, 500, 502, 503, 504)},
    )
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: str) -> Response:
        """Ask the provider whether it accepts the key, by a call that costs nothing.

        Where the provider could not say (it was not reached, or is busy), that is the answer.
        """
        return Response(_verification(self.get_object()))


class ModelViewSet(Resource[Model]):
    tags = ["llm"]
    queryset = Model.objects.none()
    pagination_class = None

    @extend_schema(
        summary="List models",
        responses={200: serializers.ModelSerializer(many=True), **problems(401)},
    )
    def list(self, request: Request) -> Response:
        """Every model that the caller can use now: there is a key, and the token is for it."""
        models = access.usable_models(caller_in(request))
        return Response(serializers.ModelSerializer(models, many=True).data)


def tell(event: EventName, key: ApiKey) -> None:
    details = {"provider": key.provider_id, "last4": key.last4}
    security_log.record(event, user_id=key.user_id, details=details)


def _verification(key: ApiKey) -> dict[str, Any]:
    target = catalogue.target_of(key.provider, "", sealed.take(key, "sealed"))
    connections.close_all()  # none is held while the vendor thinks
    try:
        async_to_sync(wire_named(target.wire).verify)(target)
    except ProviderError as error:
        if error.retryable:
            raise
        return {"valid": False, "reason": error.detail, "code": error.code}
    return {"valid": True}
