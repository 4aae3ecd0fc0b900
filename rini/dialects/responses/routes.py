"""``/v1/responses``: answers of any model, stored as messages of a session unless told not to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import time
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response as HttpResponse

from accounts.authentication import Caller, caller_of, visit
from accounts.models import User
from billing.holds import Payer
from billing.purposes import Purpose
from conversations.answering import answers, generation, stopping
from conversations.answering.turn import Turn
from providers import catalogue, fallbacks, token_counts
from providers.catalogue import Route
from providers.errors import broken_off
from providers.events import events_of
from providers.fallbacks import Attempts
from providers.gateway import Call, check_size
from providers.types import ChatRequest, Finished, Target, TextDelta
from rini.dialects.openai.answer_headers import cost
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.dialects.responses import compaction, items, request, schema, stored, streams
from rini.dialects.responses.answer import Answer
from rini.dialects.responses.asked import Asked, asked, id_of, to_compact
from rini.dialects.responses.pages import page_of
from rini.dialects.responses.response import Response, usage_json
from rini.dialects.responses.tools import names_of
from rini.errors import InvalidInput, NotFound
from rini.storage.database import in_database
from rini.text import storable
from rini.translation import gettext as _
from rini.web import query
from rini.web.http import EventStream, json_response, route, unless_disconnected
from rini.web.opened_stream import opened
from rini.web.parsing import parse_json

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Begun:
    """What was asked, by whom, and what answers it: a stored turn, or calls alone."""

    asked: Asked
    user: User
    work: Turn | Attempts


class Responses(OpenAIEndpoint):
    """``POST /v1/responses``"""

    @schema.create
    async def post(self, request: Request) -> HttpResponse:
        """An answer of any model, in the format of OpenAI's Responses API."""
        begun = await visit(request, _asked, _begin)
        if isinstance(begun.work, Turn):
            return await _stored(request, begun, begun.work)
        return await _passing(request, begun, begun.work)


class InputTokens(OpenAIEndpoint):
    """``POST /v1/responses/input_tokens``"""

    @schema.count
    async def post(self, request: Request) -> HttpResponse:
        """How many tokens a request would be, as far as that can be told without its vendor."""
        count = await visit(request, _asked, _count)
        return json_response({"object": "response.input_tokens", "input_tokens": count})


class Compact(OpenAIEndpoint):
    """``POST /v1/responses/compact``"""

    @schema.compact
    async def post(self, request: Request) -> HttpResponse:
        """A conversation told shortly: what its users said, and one item for all the rest. Send
        these items as the next input; nothing is stored."""
        given, call = await visit(request, _to_compact, _compact)
        events = list(events_of(await unless_disconnected(request, call.completion())))
        summary = "".join(event.text for event in events if isinstance(event, TextDelta))
        if call.is_cut_off or not summary.strip():
            raise broken_off(call.target.provider)
        compact_id = uuid4()
        told = {
            "id": _name(compact_id),
            "object": "response.compaction",
            "created_at": int(time()),
            "output": compaction.output(given, storable(summary), compact_id.hex),
            "usage": usage_json(call.record.usage) if call.record else None,
        }
        return json_response(told, headers=cost(call))


class OneResponse(OpenAIEndpoint):
    """``GET`` and ``DELETE /v1/responses/{id}``"""

    @schema.retrieve
    async def get(self, request: Request) -> HttpResponse:
        """A stored response; with `stream=true` its events, from behind `starting_after` on."""
        caller = await caller_of(request.headers)
        response_id = _id(request)
        found = await in_database(stored.find, caller.user, response_id)
        if not query.flag(request, "stream"):
            return json_response(await in_database(stored.response_of, found))
        after = query.whole(request, "starting_after")
        answer = _answer(found.id, found.response.settings["tools"], shows_keepsakes=False)
        frames = streams.again(found.id, answer, caller.user, -1 if after is None else after)
        return EventStream(frames, farewell=streams.farewell)

    @schema.delete
    async def delete(self, request: Request) -> HttpResponse:
        """Delete a stored response with its messages, but for what later responses stand on."""
        caller = await caller_of(request.headers)
        response_id = _id(request)
        await in_database(stored.delete, caller.user, response_id)
        return json_response({"id": _name(response_id), "object": "response", "deleted": True})


class Cancel(OpenAIEndpoint):
    """``POST /v1/responses/{id}/cancel``"""

    @schema.cancel
    async def post(self, request: Request) -> HttpResponse:
        """Stop a response that is written in the background. Its text so far stays."""
        caller = await caller_of(request.headers)
        found = await in_database(stored.find, caller.user, _id(request))
        if not found.response.in_background:
            raise InvalidInput(_("Only a response in the background can be cancelled."))
        await stopping.stop(caller.user, found.id)
        return json_response(await in_database(_now, caller.user, found.id))


class InputItems(OpenAIEndpoint):
    """``GET /v1/responses/{id}/input_items``"""

    @schema.input_items
    async def get(self, request: Request) -> HttpResponse:
        """What was sent for a stored response, newest first unless `order=asc`."""
        caller = await caller_of(request.headers)
        found = await in_database(stored.find, caller.user, _id(request))
        given = items.numbered(found.response.input, found.id.hex)
        return json_response(page_of(given, request))


_ONE = r"^v1/responses/(?P<response_id>resp_[^/]+)"
http_routes = [
    route(r"^v1/responses/?$", Responses()),
    route(r"^v1/responses/input_tokens/?$", InputTokens()),
    route(r"^v1/responses/compact/?$", Compact()),
    route(rf"{_ONE}/?$", OneResponse()),
    route(rf"{_ONE}/cancel/?$", Cancel()),
    route(rf"{_ONE}/input_items/?$", InputItems()),
]


# -- asking ---------------------------------------------------------------------------------------


def _asked(body: bytes) -> Asked:
    return asked(parse_json(body))


def _begin(wanted: Asked, caller: Caller) -> Begun:
    if wanted.store:
        return Begun(wanted, caller.user, stored.open_response(caller, wanted))
    chat_for, route = _chat(wanted, caller)
    payer = Payer.of(caller, Purpose.CHAT)
    attempts = fallbacks.attempts_by(
        route.targets, lambda target: Call(target, chat_for(target), payer)
    )
    return Begun(wanted, caller.user, attempts)


def _chat(wanted: Asked, caller: Caller) -> tuple[Callable[[Target], ChatRequest], Route]:
    """What a model gets, and which do."""
    given = [*stored.context(stored.place_of(caller.user, wanted)), *wanted.items]
    route = catalogue.resolve(caller, provider=None, model=wanted.model, fallbacks=wanted.fallbacks)

    def chat_for(target: Target) -> ChatRequest:
        chat = request.chat_request(target, wanted.settings, given)
        check_size(chat)
        return chat

    return chat_for, route


def _count(wanted: Asked, caller: Caller) -> int:
    chat_for, route = _chat(wanted, caller)
    return token_counts.count_request(chat_for(route.target), route.target.model)


def _to_compact(body: bytes) -> Asked:
    return to_compact(parse_json(body))


def _compact(wanted: Asked, caller: Caller) -> tuple[list[Json], Call]:
    """What is to be compacted, and the call for its summary."""
    given = [*stored.context(stored.place_of(caller.user, wanted)), *wanted.items]
    route = catalogue.resolve(caller, provider=None, model=wanted.model)
    chat = request.chat_request(route.target, wanted.settings, [*given, compaction.question()])
    check_size(chat)
    return given, Call(route.target, chat, Payer.of(caller, Purpose.SUMMARY))


async def _stored(request: Request, begun: Begun, turn: Turn) -> HttpResponse:
    wanted, user = begun.asked, begun.user
    running = generation.start(turn)
    if wanted.stream:
        answer = _answer(running.id, wanted.settings["tools"], wanted.shows_keepsakes)
        if not wanted.background:
            await unless_disconnected(request, answers.begun(running))
        frames = streams.begun(running, answer, user, stops=not wanted.background)
        return EventStream(frames, farewell=streams.farewell)
    if not wanted.background:
        await unless_disconnected(request, answers.whole(running))
    return json_response(await in_database(_now, user, running.id))


async def _passing(request: Request, begun: Begun, attempts: Attempts) -> HttpResponse:
    wanted, response_id = begun.asked, uuid4()
    response = Response(
        id=response_id,
        created_at=time(),
        model=wanted.model,
        settings=wanted.settings,
        store=False,
        previous=wanted.previous,
    )
    answer = _answer(response_id, wanted.settings["tools"], shows_keepsakes=True)
    if wanted.stream:

        def read(call: Call) -> streams.Frames:
            said = replace(response, model=attempts.named(wanted.model))
            return streams.passing(call, answer, said)

        frames = attempts.stream(read)
        return await opened(request, frames, lambda: attempts.headers, farewell=streams.farewell)
    completion = await unless_disconnected(request, attempts.whole(Call.completion))
    call = attempts.call
    response = replace(response, model=attempts.named(wanted.model))
    reason = "incomplete"
    for event in events_of(completion):
        list(answer.events(event))
        reason = event.reason if isinstance(event, Finished) else reason
    if reason == "incomplete":
        raise broken_off(call.target.provider)
    headers = attempts.headers | cost(call)
    return json_response(streams.ended(response, answer, call, reason).json(), headers=headers)


def _answer(response_id: UUID, tools: list[Json], shows_keepsakes: bool) -> Answer:
    return Answer(response_id.hex, names_of(tools), shows_keepsakes)


# -- finding --------------------------------------------------------------------------------------


def _id(request: Request) -> UUID:
    name = request.path_params["response_id"]
    try:
        return id_of("resp", name, "response_id")
    except InvalidInput:
        raise NotFound(_("There is no response %(name)s.") % {"name": name[:80]}) from None


def _name(response_id: UUID) -> str:
    return f"resp_{response_id.hex}"


def _now(user: User, response_id: UUID) -> Json:
    return stored.response_of(stored.find(user, response_id))
