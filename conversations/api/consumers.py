"""The WebSocket of a session: ask, watch, stop, in as many windows as one likes.

Every generation that is followed has a task of its own, so that the socket can always hear `stop`
or `ping` while answers stream. Answers that begin in another window are followed from their start;
one that was under way before is joined with `attach`.

A socket rests on the right of the token that opened it: when that is lost it says why and closes. A
client whose access token is about to expire sends `authenticate` with the next one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone
from rest_framework import serializers
from starlette.datastructures import Headers

from accounts import rates, revocation
from accounts.authentication import (
    Caller,
    admitted,
    authenticate,
    authenticate_again,
    authenticate_token,
    shows_a_token,
)
from accounts.revocation import Right
from conversations.answering import generation, journal, stopping, transcript
from conversations.answering.tools import deciding
from conversations.answering.turn import Turn
from conversations.api.endpoints import open_turn
from conversations.api.origins import is_allowed
from conversations.api.serializers import TextCompletionRequest
from conversations.models import Generation
from rini.errors import (
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    RiniError,
    Unavailable,
    problem,
)
from rini.storage.database import in_database, in_database_patiently
from rini.storage.notifications import listener
from rini.storage.threads import LARGE
from rini.text import storable_value
from rini.translation import gettext as _
from rini.web import json_lines, refusals
from rini.web.api import known_error
from rini.web.body_limit import SMALL
from rini.web.connections.websocket import admit
from rini.web.http import validated
from rini.web.parsing import if_large_aside, parse_json
from rini.web.request_id import request_id

# Close codes: HTTP's statuses in the range that RFC 6455 leaves to applications.
UNAUTHENTICATED, FORBIDDEN, NOT_FOUND = 4401, 4403, 4404
TRY_AGAIN_LATER = 1013
_CLOSE_CODES: dict[type[RiniError], int] = {
    Forbidden: FORBIDDEN,
    NotFound: NOT_FOUND,
    Unavailable: TRY_AGAIN_LATER,
}
RECENT = timedelta(minutes=1)


class AttachMessage(serializers.Serializer[Any]):
    """Join an answer after event number `after`."""

    generation_id = serializers.UUIDField()
    after = serializers.IntegerField(min_value=0, required=False, default=0)


class StopMessage(serializers.Serializer[Any]):
    generation_id = serializers.UUIDField()


class DecisionMessage(serializers.Serializer[Any]):
    """A yes or a no to a call of a tool; a yes may have other arguments."""

    tool_call_id = serializers.UUIDField()
    arguments = serializers.DictField(required=False, allow_null=True)


class AuthenticateMessage(serializers.Serializer[Any]):
    token = serializers.CharField()


class NoConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Refuses the addresses at which there is no WebSocket."""

    async def connect(self) -> None:
        await self.close()


class SessionConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """``/ws/sessions/{id}/``. Messages both ways are JSON objects with a ``type``."""

    async def connect(self) -> None:
        self.session_id = UUID(self.scope["url_route"]["kwargs"]["session_id"])
        self.caller: Caller | None = None
        self.release: Callable[[], None] = _nothing
        self.is_closed = False
        self.size = 0  # of the message that is being handled
        self.following: dict[UUID, asyncio.Task[None]] = {}
        self.known: set[UUID] = set()
        self.tasks: list[asyncio.Task[None]] = []
        self.woken = asyncio.Event()
        protocols = self.scope["subprotocols"]
        # Whoever is refused too: of a handshake that fails a browser tells its page only 1006.
        await self.accept("bearer" if "bearer" in protocols else None)
        if not is_allowed(self.scope["headers"]):
            await self._refuse(
                Forbidden(
                    _("Pages of this origin may not open a WebSocket here: see CORS_ORIGINS."),
                    code="foreign_origin",
                )
            )
            return
        self.guard = asyncio.create_task(self._close_strangers())
        self.tasks = [self.guard, asyncio.create_task(self._watch_session())]
        headers = Headers(scope=self.scope)
        if "bearer" in protocols:
            await self._answering(self._authenticate({"token": _token_of(protocols)}))
        elif shows_a_token(headers):
            await self._answering(self._admit(partial(authenticate, headers)))

    async def disconnect(self, code: int) -> None:
        self.release()
        for task in (*self.tasks, *self.following.values()):
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.is_closed:
            return  # sent before its sender knew
        await self._answering(self._handle((text_data or "").encode() or bytes_data or b""))

    async def _handle(self, raw: bytes) -> None:
        if self.caller is None and len(raw) > settings.MAX_ANONYMOUS_BYTES:
            raise NotAuthenticated(
                _("Send a token first: a message this long is not read without one.")
            )
        self.size = len(raw)
        message = await if_large_aside(raw, parse_json)
        if not isinstance(message, dict):
            raise InvalidInput(_("A message must be a JSON object with a `type`."))
        kind = str(message.pop("type", ""))
        if self.caller is None and kind != "authenticate":
            raise NotAuthenticated(_('Send {"type": "authenticate", "token": "…"} first.'))
        handlers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "authenticate": self._authenticate,
            "generate": self._generate,
            "attach": self._attach,
            "stop": self._stop,
            "approve": self._approve,
            "deny": self._deny,
            "ping": self._ping,
        }
        if kind not in handlers:
            raise InvalidInput(
                _("There is no message %(type)r, only %(types)s.")
                % {"type": kind[:50], "types": ", ".join(handlers)}
            )
        rates.begin()
        await handlers[kind](message)

    async def _authenticate(self, message: dict[str, Any]) -> None:
        token = validated(AuthenticateMessage, message)["token"]
        await self._admit(partial(authenticate_token, token))

    async def _admit(self, find_caller: Callable[[], Caller]) -> None:
        caller = await in_database(find_caller)
        await in_database(transcript.session_of, caller.user, self.session_id)
        self.known = await in_database(self._recent_generations)
        self.release()
        self.release = revocation.watch().hold(caller.right, self._lost)
        self.caller = caller
        self.guard.cancel()
        admit(self.scope)
        await self._send({"type": "authenticated", **_told_of(caller)})
        self.woken.set()  # for what began between the query and now

    async def _generate(self, message: dict[str, Any]) -> None:
        caller = await admitted(self._admitted())
        body = await self._validated(TextCompletionRequest, message)
        turn = await in_database(_open_turn, caller.right, self.session_id, body)
        generation.start(turn)
        if turn.generation.id not in self.known:  # the watch may have been quicker
            self._follow(turn.generation.id)

    async def _validated(
        self, serializer_class: type[serializers.Serializer[Any]], message: dict[str, Any]
    ) -> dict[str, Any]:
        if self.size <= SMALL:
            return validated(serializer_class, message)
        return await LARGE.run(validated, serializer_class, message)

    async def _attach(self, message: dict[str, Any]) -> None:
        wanted = validated(AttachMessage, message)
        found = await in_database(
            stopping.generation_of, self._admitted().user, wanted["generation_id"]
        )
        self._follow(found.id, wanted["after"])

    async def _stop(self, message: dict[str, Any]) -> None:
        await stopping.stop(self._admitted().user, validated(StopMessage, message)["generation_id"])

    async def _approve(self, message: dict[str, Any]) -> None:
        decided = validated(DecisionMessage, message)
        await in_database(
            deciding.approve,
            self._admitted().user,
            decided["tool_call_id"],
            storable_value(decided.get("arguments")),
        )

    async def _deny(self, message: dict[str, Any]) -> None:
        decided = validated(DecisionMessage, message)
        await in_database(deciding.deny, self._admitted().user, decided["tool_call_id"])

    async def _ping(self, message: dict[str, Any]) -> None:
        await self._send({"type": "pong"})

    def _admitted(self) -> Caller:
        if self.caller is None:
            raise NotAuthenticated
        return self.caller

    def _lost(self, error: RiniError) -> None:
        """Nothing more is said or heard under a right that is gone."""
        self.caller = None
        for task in (*self.tasks, *self.following.values()):
            task.cancel()
        self.following.clear()
        self.tasks = [asyncio.create_task(self._refuse(error))]

    def _follow(self, generation_id: UUID, after: int = 0) -> None:
        """Send the events after `after`; for one that is followed already, from there again."""
        self.known.add(generation_id)
        if former := self.following.pop(generation_id, None):
            former.cancel()
        task = asyncio.create_task(self._send_events(generation_id, after))
        self.following[generation_id] = task

    async def _send_events(self, generation_id: UUID, after: int) -> None:
        async for events in journal.follow(generation_id, after):
            for event in events:
                await self.send(text_data=event.json().decode())
        self.following.pop(generation_id, None)

    async def _watch_session(self) -> None:
        """Follow the answers that begin in this session elsewhere."""
        with listener().listening(f"session:{self.session_id}", self.woken.set):
            while True:
                await self.woken.wait()
                self.woken.clear()
                if self.caller is not None:
                    recent = await in_database_patiently(self._recent_generations)
                    for generation_id in recent - self.known:
                        self._follow(generation_id)

    def _recent_generations(self) -> set[UUID]:
        rows = Generation.objects.filter(
            session_id=self.session_id, created_at__gte=timezone.now() - RECENT
        )
        return set(rows.values_list("id", flat=True))

    async def _close_strangers(self) -> None:
        await asyncio.sleep(settings.SOCKET_AUTHENTICATION_SECONDS)
        await self._refuse(NotAuthenticated(_("No token came in time.")))

    async def _answering(self, work: Awaitable[None]) -> None:
        """Do what a message asks; what goes wrong is an answer, and ends what cannot go on."""
        try:
            await work
        except Exception as error:
            # The boundary of the socket: one bad message must not end the others' streams.
            await self._refuse(known_error(error))

    async def _refuse(self, error: RiniError) -> None:
        if self.is_closed:
            return  # what was on its way meanwhile
        self.is_closed = isinstance(error, NotAuthenticated) or self.caller is None
        with suppress(RiniError):
            await refusals.tell_soon(error)
        await self._send({"type": "error", "problem": problem(error, request_id())})
        if isinstance(error, NotAuthenticated):
            await self.close(UNAUTHENTICATED, error.code)
        elif self.caller is None:
            await self.close(_CLOSE_CODES.get(type(error), UNAUTHENTICATED))

    async def _send(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json_lines.encoded(message).decode())


def _open_turn(right: Right, session_id: UUID, body: dict[str, Any]) -> Turn:
    """The turn that a message asks for, of the caller as it is now: what it may, it may have lost
    this moment."""
    return open_turn(authenticate_again(right), session_id, body)


def _told_of(caller: Caller) -> dict[str, Any]:
    """Whose the socket is, and when its token expires; null: never."""
    ends = caller.right.expires_at
    at = None if math.isinf(ends) else datetime.fromtimestamp(ends, UTC)
    if caller.token is not None:
        at = caller.token.expires_at
    told = at.isoformat().replace("+00:00", "Z") if at else None
    return {"user_id": str(caller.user.pk), "expires_at": told}


def _nothing() -> None:
    """What there is to let go of before anybody is known."""


def _token_of(protocols: list[str]) -> str:
    """The token in the subprotocols ``bearer, <token>``; the empty text if it is missing."""
    others = [protocol for protocol in protocols if protocol != "bearer"]
    return others[0] if others else ""
