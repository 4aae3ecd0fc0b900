"""Looking through a conversation for what is worth remembering, because somebody asks for it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import caller_of
from conversations.digests import extracting
from memory.models import Memory
from memory.serializers import MAX_SOURCES, MemorySerializer
from providers import asking
from rini.storage.database import in_database
from rini.web.api_schema import problems
from rini.web.fields import ShortListField
from rini.web.http import Endpoint, json_response, unless_disconnected, valid_body

MOST = 50
"""Entries that one request makes."""


class ExtractionRequest(serializers.Serializer[Any]):
    """Which messages to look through; without them the open path of the session."""

    message_ids = ShortListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        allow_null=True,
        min_length=1,
        max_length=MAX_SOURCES,
    )


class SessionMemoryExtraction(Endpoint):
    """``POST /sessions/{id}/memory/extract``: remember what is worth it."""

    tags = ["memory"]

    @extend_schema(
        summary="Extract memory from a session",
        request=ExtractionRequest,
        responses={
            200: MemorySerializer(many=True),
            **problems(400, 401, 402, 403, 404, 409, 429, 502, 503, 504),
        },
    )
    async def post(self, request: Request) -> Response:
        """Have a model look through the session, or some of its messages, for what is worth
        remembering. Answers the entries that are new, or have new evidence."""
        caller = await caller_of(request.headers)
        body = await valid_body(ExtractionRequest, request, optional=True)
        session_id = UUID(request.path_params["session_id"])
        ids = body.get("message_ids")
        reading = await in_database(extracting.on_request, caller, session_id, ids)
        answer = await unless_disconnected(request, asking.ask(reading.question))
        made = await in_database(extracting.learnt, caller.user, reading, answer, MOST)
        return json_response(await in_database(_shown, made))


def _shown(made: list[Memory]) -> Any:
    ids = [memory.pk for memory in made]
    rows = Memory.objects.filter(pk__in=ids).prefetch_related("evidence").order_by("id")
    return MemorySerializer(rows, many=True).data
