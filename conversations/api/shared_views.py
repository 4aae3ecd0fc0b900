"""Sessions that are read by a link: by whoever has it, without an account."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from conversations import shared, tree
from conversations.models import Message, Session
from rini.errors import NotFound
from rini.storage import files
from rini.translation import gettext as _
from rini.web.api import SkipLimitPagination
from rini.web.api_schema import problems
from rini.web.routes import MESSAGE_PATTERN

SECRET_PATTERN = "[A-Za-z0-9_-]{43}"  # noqa: S105  # what one looks like
_TOKEN = OpenApiParameter("token", OpenApiTypes.STR, OpenApiParameter.PATH)
_UNKEPT = {
    "Cache-Control": "no-store",  # the link may be taken back at any time
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
}
_FILE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


class LinkedSession(serializers.ModelSerializer[Session]):
    """What a stranger sees of a session. `shared_at` is when the link was made."""

    shared_at = serializers.DateTimeField(read_only=True)

    class Meta:
        model = Session
        fields = ("alias", "model", "created_at", "shared_at")


class LinkedMessage(serializers.ModelSerializer[Message]):
    """What a stranger sees of a message. One with a `mime_type` has a file."""

    class Meta:
        model = Message
        fields = (
            *("id", "parent_message_id", "role", "content", "original_filename", "mime_type"),
            *("status", "finish_reason", "model_used", "citations", "created_at"),
        )


class LinkedSessionViewSet(ViewSet):
    """A session by its link. A token in the header is not looked at."""

    tags = ["sessions"]
    authentication_classes = []
    permission_classes = []
    lookup_url_kwarg = "token"
    lookup_value_regex = SECRET_PATTERN
    default_limit = 100

    @extend_schema(
        summary="Open a session by its link",
        parameters=[_TOKEN],
        responses={200: LinkedSession, **problems(404)},
        auth=[],
    )
    def retrieve(self, request: Request, token: str) -> Response:
        """A session that somebody has made a link to, without its messages."""
        return Response(LinkedSession(shared.by_link(token)).data, headers=_UNKEPT)

    @extend_schema(
        summary="List the messages behind a link",
        parameters=[
            _TOKEN,
            OpenApiParameter("skip", OpenApiTypes.INT, description="How many to leave out."),
            OpenApiParameter("limit", OpenApiTypes.INT, description="How many to give."),
        ],
        responses={200: LinkedMessage(many=True), **problems(400, 404)},
        auth=[],
    )
    @action(detail=True)
    def messages(self, request: Request, token: str) -> Response:
        """The messages that were shared, oldest first."""
        session = shared.by_link(token)
        path: Any = tree.Path(session.id, session.active_message_id)
        page = SkipLimitPagination().paginate_queryset(path, request, self)
        shown = LinkedMessage(shared.messages_as_read(page), many=True)
        return Response(shown.data, headers=_UNKEPT)

    @extend_schema(
        summary="Open the file of a message behind a link",
        parameters=[_TOKEN, OpenApiParameter("message_id", int, OpenApiParameter.PATH)],
        responses={(200, "image/*"): OpenApiTypes.BINARY, **problems(404)},
        auth=[],
    )
    @action(detail=True, url_path=f"messages/(?P<message_id>{MESSAGE_PATTERN})/file")
    def file(self, request: Request, token: str, message_id: str) -> HttpResponse:
        """The image that was sent with a message."""
        message = shared.message_in(shared.by_link(token), int(message_id))
        data = files.read(message.file_reference) if message.file_reference else None
        if data is None:
            raise NotFound(_("Message %(message_id)s has no file.") % {"message_id": message_id})
        name = content_disposition_header(False, message.original_filename or "image")
        return HttpResponse(
            data,
            content_type=message.mime_type,
            headers={**_UNKEPT, **_FILE, "Content-Disposition": name or "inline"},
        )
