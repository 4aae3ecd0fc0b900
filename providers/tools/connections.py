"""Connections to servers of tools: kept, changed, and found for whoever may use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from providers.models import ConnectionAuth, ConnectionState, McpConnection, Transport
from providers.tools.errors import ToolServerUnauthorized
from providers.tools.server import Listing, Server
from rini.errors import Conflict, Forbidden, InvalidInput, NotFound, RiniError
from rini.secrets import sealed
from rini.secrets.secret import Secret
from rini.translation import gettext as _


def seen_by(user: User) -> QuerySet[McpConnection]:
    """The connections that a user may use, the newest first, each with `my_access`."""
    return McpConnection.objects.visible_to(user).with_access(user).order_by("-created_at", "-id")


def create(user: User, fields: dict[str, Any]) -> McpConnection:
    """A new connection. Raises `InvalidInput`, and `Conflict` for one too many."""
    if McpConnection.objects.owned_by(user).count() >= settings.MAX_MCP_CONNECTIONS:
        raise Conflict(
            _("You have %(most)s connections, which is the most: delete one first.")
            % {"most": settings.MAX_MCP_CONNECTIONS},
            code="limit_reached",
        )
    connection = McpConnection(user=user)
    _set(connection, fields)
    connection.save(force_insert=True)
    return connection


def change(connection: McpConnection, fields: dict[str, Any]) -> None:
    """Change what is given. Headers stay as they are unless they are given; but another address
    does not get them. Raises `InvalidInput`."""
    is_moved = fields.get("url", connection.url) != connection.url
    stay = fields.get("auth", connection.auth) == ConnectionAuth.HEADERS and "headers" not in fields
    if is_moved and stay and connection.sealed_headers is not None:
        raise InvalidInput(
            errors={"headers": [_("Give them again: what is kept is for the old address alone.")]}
        )
    _set(connection, fields)
    connection.state, connection.last_error = ConnectionState.READY, ""
    if is_moved:
        connection.accepted_tools = None
    connection.save()


def _set(connection: McpConnection, fields: dict[str, Any]) -> None:
    fields = dict(fields)
    headers: dict[str, str] | None = fields.pop("headers", None)
    if headers is not None:
        auth = ConnectionAuth.HEADERS if headers else ConnectionAuth.NONE
        if fields.setdefault("auth", auth) != auth:
            raise InvalidInput(
                errors={"auth": [_("`headers` are for the authorisation “headers”.")]}
            )
        text = Secret(orjson.dumps(headers).decode())
        connection.sealed_headers = None
        if headers:
            sealed.put(connection, "sealed_headers", text)
    for name, value in fields.items():
        setattr(connection, name, value)
    if connection.auth == ConnectionAuth.NONE:
        connection.sealed_headers = None
    elif connection.sealed_headers is None:
        raise InvalidInput(errors={"headers": [_("Give the headers that the server wants.")]})


def changeable(user: User, connection_id: UUID) -> McpConnection:
    """A connection that the user may change. Raises `NotFound`, and `Forbidden` for one that they
    may only use."""
    mine = McpConnection.objects.changeable_by(user)
    if connection := mine.filter(id=connection_id).first():
        return connection
    _visible(user, [connection_id])
    raise Forbidden(_("This connection is shared with you only to be used."))


def owned(user: User, connection_id: UUID) -> McpConnection:
    """A connection of the user's own. Raises `NotFound`, and `Forbidden` for one that is shared
    with them."""
    [connection] = _visible(user, [connection_id])
    if connection.user_id != user.pk:
        raise Forbidden(_("Only its owner deletes this connection."))
    return connection


def check(user: User, ids: Sequence[UUID]) -> None:
    """Raise `NotFound` unless the user may use every one of these connections."""
    if ids:
        _visible(user, ids)


def servers(user: User, ids: Sequence[UUID]) -> list[Server]:
    """The servers of these connections, in their order, each once. Raises `NotFound` unless the
    user may use every one, and `rini.secrets.crypto.SealBroken`."""
    return [_server(connection) for connection in _visible(user, ids)]


def note_listing(server: Server, listing: Listing) -> None:
    """Keep that a server answers. The tools that it lists first are accepted as they are: whoever
    connected it has chosen them."""
    _note(server.connection_id, ConnectionState.READY, "")
    if server.accepted_tools is None:
        digests = {tool.name: tool.digest for tool in listing.tools}
        first = McpConnection.objects.filter(id=server.connection_id, accepted_tools__isnull=True)
        first.update(accepted_tools=digests)


def note_failure(server: Server, failure: RiniError) -> None:
    """Keep why a server has no answer."""
    state = ConnectionState.FAILING
    if isinstance(failure, ToolServerUnauthorized):
        state = ConnectionState.NEEDS_AUTHORIZATION
    _note(server.connection_id, state, failure.detail)


def _note(connection_id: UUID, state: ConnectionState, said: str) -> None:
    """That it is as before, costs no write."""
    others = McpConnection.objects.filter(id=connection_id).exclude(state=state, last_error=said)
    others.update(state=state, last_error=said)


@transaction.atomic
def accept(connection: McpConnection, digests: Mapping[str, str]) -> None:
    """Have tools be offered as usual again, as they were when they had these digests."""
    locked = McpConnection.objects.select_for_update().get(pk=connection.pk)
    accepted = {**(locked.accepted_tools or {}), **digests}
    McpConnection.objects.filter(pk=connection.pk).update(accepted_tools=accepted)


def _visible(user: User, ids: Sequence[UUID]) -> list[McpConnection]:
    found = McpConnection.objects.visible_to(user).in_bulk(list(ids))
    for connection_id in ids:
        if connection_id not in found:
            raise NotFound(_("Connection %(id)s not found.") % {"id": connection_id})
    return [found[connection_id] for connection_id in dict.fromkeys(ids)]


def _server(connection: McpConnection) -> Server:
    kept = sealed.take(connection, "sealed_headers")
    headers: dict[str, str] = orjson.loads(kept.reveal()) if kept else {}
    allowed = connection.allowed_tools
    return Server(
        connection_id=connection.id,
        revision=connection.updated_at.isoformat(),
        name=connection.name,
        url=connection.url,
        is_sse=connection.transport == Transport.SSE,
        headers={name: Secret(value) for name, value in headers.items()},
        enabled=connection.enabled,
        allowed_tools=None if allowed is None else frozenset(allowed),
        require_approval=connection.require_approval,
        accepted_tools=connection.accepted_tools,
    )
