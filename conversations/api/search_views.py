"""Searching all of one's conversations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations import search
from conversations.api.tree_serializers import HitSerializer
from conversations.models import Role, SearchEntry
from rini.web import query
from rini.web.api_schema import problems
from rini.web.routes import Resource

_PARAMETERS = [
    OpenApiParameter("q", str, required=True, description="What to look for."),
    OpenApiParameter("session_id", UUID, description="Only in this session."),
    OpenApiParameter("role", str, description="Only messages of this role."),
    OpenApiParameter("tag", str, description="Only in sessions with this tag."),
    OpenApiParameter("archived", bool, description="Only in archived sessions, or the others."),
]


class SearchViewSet(Resource[SearchEntry]):
    tags = ["sessions"]
    queryset = SearchEntry.objects.none()
    serializer_class = HitSerializer

    @extend_schema(
        summary="Search sessions and messages",
        parameters=_PARAMETERS,
        responses={200: HitSerializer(many=True), **problems(400, 401)},
    )
    def list(self, request: Request) -> Response:
        """Titles and messages that have every word, the best first; where none has, those with any
        of them. Words match from their beginning; of Korean, Chinese, Japanese, Thai, Lao, Khmer
        and Burmese any part matches. Accents, and Hebrew and Arabic points, make no difference."""
        question = query.text(request, "q") or ""
        found = search.ranked(caller_in(request).user, question, **_filters(request))
        page = self.paginate_queryset(found) or []
        hits = [search.hit(entry, question) for entry in page]
        return self.get_paginated_response(HitSerializer(hits, many=True).data)


def _filters(request: Request) -> dict[str, Any]:
    tag = query.text(request, "tag")
    wanted = {
        "session": query.uuid(request, "session_id"),
        "message__role": query.choice(request, "role", Role.values),
        "session__tags__contains": [tag] if tag else None,
        "session__archived": query.flag(request, "archived"),
    }
    return {name: value for name, value in wanted.items() if value is not None}
