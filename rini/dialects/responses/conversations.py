"""``/v1/conversations``: sessions, in which responses stand as on one thread."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from accounts.authentication import Caller, caller_of, visit
from accounts.models import User
from conversations import lifetime, sessions
from conversations.answering import revisions, transcript
from conversations.models import MemoryMode, Role, Session
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.dialects.responses import items, schema, stored
from rini.dialects.responses.asked import id_of, metadata
from rini.dialects.responses.pages import page_of
from rini.dialects.responses.wrong import invalid
from rini.errors import InvalidInput, NotFound
from rini.storage.database import in_database
from rini.text import storable_value
from rini.translation import gettext as _
from rini.web.http import json_response, route
from rini.web.parsing import parse_json

Json = dict[str, Any]
_MOST_ITEMS = 20
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


class Conversations(OpenAIEndpoint):
    """``POST /v1/conversations``"""

    @schema.create_conversation
    async def post(self, request: Request) -> HttpResponse:
        """A new conversation, with messages if some are given."""
        return json_response(_json(await visit(request, _read, _create)))


class OneConversation(OpenAIEndpoint):
    """``GET``, ``POST`` and ``DELETE /v1/conversations/{id}``"""

    @schema.conversation
    async def get(self, request: Request) -> HttpResponse:
        """A conversation."""
        caller = await caller_of(request.headers)
        return json_response(_json(await in_database(_find, caller.user, _id(request))))

    @schema.change_conversation
    async def post(self, request: Request) -> HttpResponse:
        """Give a conversation other metadata."""
        session_id = _id(request)

        def change(body: Json, caller: Caller) -> Session:
            session = _find(caller.user, session_id)
            sessions.change(session, {"metadata": storable_value(metadata(body.get("metadata")))})
            return session

        return json_response(_json(await visit(request, _read, change)))

    @schema.delete_conversation
    async def delete(self, request: Request) -> HttpResponse:
        """Delete a conversation with all its responses."""
        caller = await caller_of(request.headers)
        session_id = _id(request)
        await lifetime.end(caller.user, session_id)
        told = {"id": _name(session_id), "object": "conversation.deleted", "deleted": True}
        return json_response(told)


class ConversationItems(OpenAIEndpoint):
    """``GET`` and ``POST /v1/conversations/{id}/items``"""

    @schema.conversation_items
    async def get(self, request: Request) -> HttpResponse:
        """The items of a conversation, newest first unless `order=asc`."""
        caller = await caller_of(request.headers)
        found = await in_database(_items, caller.user, _id(request))
        return json_response(page_of(found, request))

    @schema.add_items
    async def post(self, request: Request) -> HttpResponse:
        """Add messages to the end of a conversation."""
        session_id = _id(request)

        def add(body: Json, caller: Caller) -> list[Json]:
            given = items.given(body.get("items"), "items")
            session = _find(caller.user, session_id)
            return _add(caller.user, session, given)

        added = await visit(request, _read, add)
        return json_response(page_of(added, {"limit": "100", "order": "asc"}))


class OneItem(OpenAIEndpoint):
    """``GET /v1/conversations/{id}/items/{item_id}``"""

    @schema.one_item
    async def get(self, request: Request) -> HttpResponse:
        """An item of a conversation."""
        caller = await caller_of(request.headers)
        name = request.path_params["item_id"]
        for item in await in_database(_items, caller.user, _id(request)):
            if item["id"] == name:
                return json_response(item)
        raise NotFound(_("There is no item %(name)s here.") % {"name": name[:80]})


_ONE = r"^v1/conversations/(?P<conversation_id>conv_[^/]+)"
http_routes = [
    route(r"^v1/conversations/?$", Conversations()),
    route(rf"{_ONE}/?$", OneConversation()),
    route(rf"{_ONE}/items/?$", ConversationItems()),
    route(rf"{_ONE}/items/(?P<item_id>[^/]+)/?$", OneItem()),
]


def _read(body: bytes) -> Json:
    given = parse_json(body) if body else {}
    if not isinstance(given, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    for name in given:
        if name not in {"metadata", "items"}:
            raise invalid(name, _("This field is not served here."))
    return given


@transaction.atomic
def _create(body: Json, caller: Caller) -> Session:
    told = storable_value(metadata(body.get("metadata")))
    given = items.given(body["items"], "items") if body.get("items") else []
    fields = {"metadata": told, "memory_mode": MemoryMode.DISABLED}
    session = sessions.begin(caller.user, fields)
    _add(caller.user, session, given)
    return session


@transaction.atomic
def _add(user: User, session: Session, given: list[Json]) -> list[Json]:
    """Add messages; returns them as items."""
    if len(given) > _MOST_ITEMS:
        raise invalid("items", _("Give at most %(most)s items.") % {"most": _MOST_ITEMS})
    added = []
    for i, item in enumerate(given):
        if item["type"] != "message":
            told = _("Items of the type %(kind)s are not served here.") % {"kind": item["type"]}
            raise invalid(f"items[{i}].type", told)
        text = storable_value("\n\n".join(items.texts_of(item)))
        role = _ROLES.get(item["role"], Role.SYSTEM)
        message = revisions.append(
            user, session.id, role=role, content=text, parent_message_id=None
        )
        added += stored.items_of([message])
    return added


def _find(user: User, session_id: UUID) -> Session:
    return transcript.session_of(user, session_id)


def _items(user: User, session_id: UUID) -> list[Json]:
    return stored.items_of(transcript.open_path(_find(user, session_id)))


def _id(request: Request) -> UUID:
    name = request.path_params["conversation_id"]
    try:
        return id_of("conv", name, "conversation_id")
    except InvalidInput:
        raise NotFound(_("There is no conversation %(name)s.") % {"name": name[:80]}) from None


def _name(session_id: UUID) -> str:
    return f"conv_{session_id.hex}"


def _json(session: Session) -> Json:
    return {
        "id": _name(session.id),
        "object": "conversation",
        "created_at": int(session.created_at.timestamp()),
        "metadata": session.metadata,
    }
