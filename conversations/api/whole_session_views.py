"""Whole sessions: their tree, their numbers, copies of them, and their way out."""

from __future__ import annotations

from uuid import UUID

import orjson
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import caller_in
from conversations import forking, statistics, tree
from conversations.answering import transcript
from conversations.api.serializers import SessionSerializer
from conversations.api.tree_serializers import ForkRequest, SessionSummary, TreeSerializer
from conversations.files import exporting
from conversations.files.import_format import ImportedFile
from conversations.models import Session
from rini.web import query
from rini.web.api_schema import problems
from rini.web.http import validated

PREVIEW_CHARACTERS = 200


class WholeSessionViewSet(ViewSet):
    """What stands below one session's address and is about all of it."""

    tags = ["sessions"]

    @extend_schema(
        summary="Show a session's whole tree",
        responses={200: TreeSerializer, **problems(401, 403, 404)},
    )
    @action(detail=False)
    def tree(self, request: Request, session_id: str) -> HttpResponse:
        """The messages of all branches, how they hang together, and the beginning of each text."""
        session = _session(request, session_id)
        nodes = tree.nodes(session.id, PREVIEW_CHARACTERS)
        roots = [node["id"] for node in nodes if node["parent_message_id"] is None]
        whole = {
            "session_id": session.id,
            "active_message_id": session.active_message_id,
            "root_ids": roots,
            "messages": nodes,
        }
        # It may have many thousands: DRF's renderer would take several times as long.
        return HttpResponse(orjson.dumps(whole, option=orjson.OPT_UTC_Z), "application/json")

    @extend_schema(
        summary="Sum up a session in numbers",
        responses={200: SessionSummary, **problems(401, 403, 404)},
    )
    @action(detail=False)
    def summary(self, request: Request, session_id: str) -> Response:
        """Messages, tokens, cost, models, first and last time."""
        return Response(SessionSummary(statistics.summary(_session(request, session_id))).data)

    @extend_schema(
        summary="Fork a session",
        request=ForkRequest,
        responses={201: SessionSerializer, **problems(400, 401, 403, 404, 409)},
    )
    @action(detail=False, methods=["post"])
    def fork(self, request: Request, session_id: str) -> Response:
        """Copy the path down to a message into a new session."""
        message_id = validated(ForkRequest, request.data)["message_id"]
        copy = forking.fork(caller_in(request).user, UUID(session_id), message_id)
        return Response(SessionSerializer(copy).data, 201)

    @extend_schema(
        summary="Export a session",
        parameters=[
            OpenApiParameter("format", str, description="`json` (the default) or `markdown`.")
        ],
        responses={
            (200, "application/json"): ImportedFile,
            (200, "text/markdown"): OpenApiResponse(OpenApiTypes.STR, "The open path."),
            **problems(400, 401, 403, 404),
        },
    )
    @action(detail=False)
    def export(self, request: Request, session_id: str) -> HttpResponse:
        """The whole session as JSON that can be imported, or its open path as Markdown."""
        session = _session(request, session_id)
        if query.choice(request, "format", ("json", "markdown")) == "markdown":
            return _file(exporting.as_markdown(session).encode(), "text/markdown", session, "md")
        return _file(exporting.as_json(session), "application/json", session, "json")


def _session(request: Request, session_id: str) -> Session:
    return transcript.session_of(caller_in(request).user, UUID(session_id))


def _file(content: bytes, kind: str, session: Session, ending: str) -> HttpResponse:
    disposition = f'attachment; filename="rini-{session.id}.{ending}"'
    return HttpResponse(
        content,
        content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        headers={"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"},
    )
