"""Sessions: what is listed, opened, changed, deleted and imported."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations import lifetime, search, sessions, shared
from conversations.answering import transcript
from conversations.api.import_views import SessionImportSerializer
from conversations.api.serializers import SessionSerializer
from conversations.files import import_jobs, importing
from conversations.files.import_format import ImportedFile
from conversations.models import Session
from rini.errors import InvalidInput
from rini.storage import database
from rini.translation import gettext as _
from rini.web import query
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.parsing import FileParser
from rini.web.routes import Resource

_FILTERS = [
    OpenApiParameter("q", str, description="Words, or parts of them, of the title or any message."),
    OpenApiParameter("tag", str, description="Sessions with this tag."),
    OpenApiParameter("archived", bool, description="Archived sessions, or the others."),
    OpenApiParameter("pinned", bool, description="Pinned sessions, or the others."),
    OpenApiParameter(
        "shared",
        bool,
        description="true: the sessions that others share with the caller. Goes with no filter.",
    ),
]
_CHANGED: dict[Any, Any] = {200: SessionSerializer, **problems(400, 401, 403, 404)}


@extend_schema_view(
    list=extend_schema(
        summary="List sessions",
        parameters=_FILTERS,
        responses={200: SessionSerializer(many=True), **problems(400, 401)},
    ),
)
class SessionViewSet(ListModelMixin, Resource[Session]):
    """The caller's sessions, newest first."""

    tags = ["sessions"]
    serializer_class = SessionSerializer
    queryset = Session.objects.none()

    def get_queryset(self) -> QuerySet[Session]:
        user = caller_in(self.request).user
        if self.action == "list":
            filters = _filters(self.request)
            if query.flag(self.request, "shared"):
                _refuse_filters(filters)
                return shared.with_user(user)
            mine = Session.objects.owned_by(user).filter(**filters)
        else:
            mine = Session.objects.owned_by(user)
        return mine.order_by("-created_at", "-id")

    def paginate_queryset(self, queryset: Any) -> Any:
        page: list[Any] = super().paginate_queryset(queryset) or []
        return [shared.as_read(s) if hasattr(s, "shown_message_id") else s for s in page]

    @extend_schema(
        summary="Open a session", responses={200: SessionSerializer, **problems(401, 404)}
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """A session of the caller's, or one that is shared with the caller."""
        session = shared.find(caller_in(request).user, UUID(pk))
        return Response(self.get_serializer(session).data)

    @extend_schema(
        summary="Begin a session", responses={201: SessionSerializer, **problems(400, 401)}
    )
    def create(self, request: Request) -> Response:
        """Begin a session. It is empty until its first message."""
        fields = validated(SessionSerializer, request.data, context=self.get_serializer_context())
        session = sessions.begin(caller_in(request).user, fields)
        return Response(self.get_serializer(session).data, 201)

    @extend_schema(summary="Change a session", responses=_CHANGED)
    def update(self, request: Request, pk: str) -> Response:
        """Change a session: what is left out stays as well."""
        return self._change(request, pk, partial=False)

    @extend_schema(summary="Change some of a session", responses=_CHANGED)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given of a session."""
        return self._change(request, pk, partial=True)

    @extend_schema(
        summary="Delete a session", responses={204: None, **problems(401, 403, 404, 503)}
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a session with its messages and its own keys. What is being written in it is
        stopped, and billed."""
        session = transcript.session_of(caller_in(request).user, UUID(pk))
        async_to_sync(lifetime.end)(caller_in(request).user, session.id)
        return Response(status=204)

    @extend_schema(
        summary="Import sessions",
        request=ImportedFile,
        responses={
            201: SessionSerializer,
            202: SessionImportSerializer,
            **problems(400, 401, 413, 503),
        },
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[FileParser])
    def import_(self, request: Request) -> Response:
        """Make a session of Rini's JSON, or of one conversation of ChatGPT's export; of a list of
        those (the whole `conversations.json`) a list of sessions. A list of more than 50, or of
        more than 2 MB, is taken in in the background: 202, and how far it is at
        `GET /sessions/imports/{id}`."""
        database.give_back()  # what comes now takes seconds: parsing the file, and reading it
        document, size = request.data, int(request.META.get("CONTENT_LENGTH") or 0)
        user = caller_in(request).user
        if import_jobs.is_large(document, size):
            return Response(
                SessionImportSerializer(import_jobs.begin(user, list(document))).data, 202
            )
        made = importing.from_file(user, document)
        return Response(self.get_serializer(made, many=isinstance(made, list)).data, 201)

    def _change(self, request: Request, pk: str, *, partial: bool) -> Response:
        session = transcript.session_of(caller_in(request).user, UUID(pk))
        fields = validated(
            SessionSerializer,
            request.data,
            instance=session,
            partial=partial,
            context=self.get_serializer_context(),
        )
        sessions.change(session, fields)
        return Response(self.get_serializer(session).data)


def _filters(request: Request) -> dict[str, Any]:
    tag, question = query.text(request, "tag"), query.text(request, "q")
    found = search.entries(caller_in(request).user, question) if question else None
    wanted = {
        "archived": query.flag(request, "archived"),
        "pinned": query.flag(request, "pinned"),
        "tags__contains": [tag] if tag else None,
        "id__in": found.values("session") if found is not None else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _refuse_filters(filters: dict[str, Any]) -> None:
    """What a session is found by is its owner's."""
    if filters:
        raise InvalidInput(errors={"shared": [_("Shared sessions are listed without a filter.")]})
