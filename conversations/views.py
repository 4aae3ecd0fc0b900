"""Sessions, their messages and their generations: what is listed, opened and changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations import transcript
from conversations.models import Generation, GenerationStatus, Message, Session
from conversations.serializers import (
    GenerationSerializer,
    MessageSerializer,
    SessionSerializer,
)


class SessionViewSet(
    mixins.CreateModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Session],
):
    """The caller's sessions, newest first."""

    serializer_class = SessionSerializer
    queryset = Session.objects.none()

    def get_queryset(self) -> QuerySet[Session]:
        mine = Session.objects.visible_to(caller_in(self.request).user)
        return mine.order_by("-created_at", "-id")

    def perform_create(self, serializer: Any) -> None:
        serializer.save(user=caller_in(self.request).user)


class MessageViewSet(viewsets.GenericViewSet[Message]):
    """The messages of a session, oldest first: the path that is open, or with ``?all=true`` all."""

    serializer_class = MessageSerializer
    default_limit = 100
    queryset = Message.objects.none()

    @extend_schema(responses=MessageSerializer(many=True))
    def list(self, request: Request, session_id: UUID) -> Response:
        session = transcript.session_of(caller_in(request).user, session_id)
        page = self.paginate_queryset(self._messages(session, request))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _messages(self, session: Session, request: Request) -> Any:
        if request.query_params.get("all", "").lower() in {"true", "1"}:
            return session.messages.order_by("id")
        return transcript.path_to(session.active_message) if session.active_message else []


class GenerationViewSet(viewsets.ReadOnlyModelViewSet[Generation]):
    """The caller's generations; the list has those that run, newest first."""

    serializer_class = GenerationSerializer
    queryset = Generation.objects.none()

    def get_queryset(self) -> QuerySet[Generation]:
        mine = Generation.objects.visible_to(caller_in(self.request).user).order_by("-created_at")
        return mine.filter(status=GenerationStatus.RUNNING) if self.action == "list" else mine
