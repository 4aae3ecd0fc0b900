"""Messages: those of a session, and single ones with what came before them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from conversations import shared, tree
from conversations.answering import revisions
from conversations.answering.unfinished import with_text_so_far
from conversations.api.serializers import MessageSerializer, NewMessage
from conversations.api.tree_serializers import PlacedMessage
from conversations.models import Message, Session
from rini.errors import InvalidInput, NotFound
from rini.translation import gettext as _
from rini.web import query
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import MESSAGE_PATTERN, Resource

_SIBLINGS = OpenApiParameter(
    "siblings",
    bool,
    description="Give each message its place in the tree, `sibling_ids` and `sibling_count`.",
)
_FROM = OpenApiParameter(
    "from", str, description="`start` or `end`: where `skip` counts from. Pages are oldest first."
)
_MANY = PolymorphicProxySerializer(
    component_name="MessageInList",
    serializers=[MessageSerializer, PlacedMessage],
    resource_type_field_name=None,
    many=True,
)


class MessagesResource(Resource[Message]):
    """Messages, in pages that are oldest first."""

    tags = ["messages"]
    serializer_class = MessageSerializer
    default_limit = 100
    queryset = Message.objects.none()

    def shown(self, messages: Any) -> Any:
        """Messages as JSON, with their places in the tree where the request wants them."""
        shown = with_text_so_far(messages)
        if not query.flag(self.request, "siblings"):
            return MessageSerializer(shown, many=True).data
        siblings = tree.siblings_of(shown)
        return PlacedMessage(shown, many=True, context={"siblings": siblings}).data

    def page(self, messages: Any) -> Response:
        return self.get_paginated_response(self.shown(self.paginate_queryset(messages) or []))

    def page_as_read(self, session: Session) -> Response:
        """A page of the path that others read. What would tell of other branches is refused."""
        for name in ("all", "siblings"):
            if query.flag(self.request, name):
                told = _("Of a session that is shared there is one path: leave out `%(name)s`.")
                raise InvalidInput(errors={name: [told % {"name": name}]})
        page = self.paginate_queryset(_path(session, self.request)) or []
        shown = shared.messages_as_read(page)
        return self.get_paginated_response(MessageSerializer(shown, many=True).data)


class SessionMessageViewSet(MessagesResource):
    """A session's messages: the path that is open, or with ``?all=true`` every branch.

    A long conversation opens with ``?from=end``: its last messages. ``?before=<id>`` gives those
    above one that is shown already.
    """

    @extend_schema(
        summary="List a session's messages",
        parameters=[
            OpenApiParameter("all", bool, description="Every branch, not only the open path."),
            _FROM,
            OpenApiParameter(
                "before", OpenApiTypes.INT64, description="The last ones before this message."
            ),
            _SIBLINGS,
        ],
        responses={200: _MANY, **problems(400, 401, 404)},
    )
    def list(self, request: Request, session_id: str) -> Response:
        """The open path's messages. `before` counts from that message upwards, on its own path. Of
        a session that is shared with the caller these are the messages that were shared."""
        session = shared.find(caller_in(request).user, UUID(session_id))
        if shared.is_read(session):
            return self.page_as_read(session)
        return self.page(_messages(session, request))

    @extend_schema(
        summary="Add a message without asking a model",
        request=NewMessage,
        responses={201: MessageSerializer, **problems(400, 401, 403, 404)},
    )
    def create(self, request: Request, session_id: str) -> Response:
        """Store a message below its parent, by default the active message, and make it active."""
        fields = validated(NewMessage, request.data)
        message = revisions.append(caller_in(request).user, UUID(session_id), **fields)
        return Response(MessageSerializer(message).data, 201)


class MessageViewSet(MessagesResource):
    """Single messages."""

    lookup_value_regex = MESSAGE_PATTERN

    @extend_schema(
        summary="Open a message",
        parameters=[_SIBLINGS],
        responses={200: MessageSerializer, **problems(400, 401, 404)},
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """One message; of one that is being written the text so far. Also one of a session that is
        shared with the caller."""
        user = caller_in(request).user
        if query.flag(request, "siblings"):
            return Response(self.shown([self._message(pk)])[0])
        return Response(MessageSerializer(shared.find_message(user, int(pk))).data)

    @extend_schema(
        summary="List what led to a message",
        parameters=[_FROM, _SIBLINGS],
        responses={200: _MANY, **problems(400, 401, 404)},
    )
    @action(detail=True)
    def history(self, request: Request, pk: str) -> Response:
        """The path from the root down to this message."""
        message = self._message(pk)
        from_end = query.choice(request, "from", ("start", "end")) == "end"
        kind = tree.PathFromEnd if from_end else tree.Path
        return self.page(kind(message.session_id, message.pk))

    def _message(self, pk: str) -> Message:
        return revisions.message_of(caller_in(self.request).user, int(pk))


def _messages(session: Session, request: Request) -> Any:
    """What a request for a session's messages wants to page through."""
    everything = query.flag(request, "all")
    from_end = query.choice(request, "from", ("start", "end")) == "end"
    if (before := query.message_id(request, "before")) is not None:
        if everything:
            raise InvalidInput(
                errors={"before": [_("`before` follows one path: leave out `all`.")]}
            )
        if not session.messages.filter(id=before).exists():
            raise NotFound(
                _("Message %(message_id)s not found in session %(session_id)s.")
                % {"message_id": before, "session_id": session.id}
            )
        return tree.PathFromEnd(session.id, before, above=1)
    if everything:
        return tree.FromEnd(session.messages.all()) if from_end else session.messages.order_by("id")
    kind = tree.PathFromEnd if from_end else tree.Path
    return kind(session.id, session.active_message_id)


def _path(session: Session, request: Request) -> Any:
    """What others may page through: no more than the path of a session as they read it."""
    if (before := query.message_id(request, "before")) is not None:
        shared.message_in(session, before)
        return tree.PathFromEnd(session.id, before, above=1)
    from_end = query.choice(request, "from", ("start", "end")) == "end"
    kind = tree.PathFromEnd if from_end else tree.Path
    return kind(session.id, session.active_message_id)
