"""``/v1/messages``: Claude for Anthropic's own clients, and models of other vendors for them too.

Where the model's vendor speaks Anthropic's format, fields and headers go to it as they came and its
answer comes back as it is. Elsewhere both are translated.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller, caller_of, visit
from billing.holds import Payer
from billing.purposes import Purpose
from providers import access, catalogue, fallbacks, messages, token_counts
from providers.fallbacks import Attempts
from providers.gateway import Call, check_size
from providers.messages import MessagesCall
from providers.thinking import thinks
from providers.types import ChatRequest, Target
from providers.vendors import vendor
from rini.dialects.anthropic import answers, failures, keepsakes, schema, streams, to_chat
from rini.dialects.anthropic.answers import Answer
from rini.dialects.anthropic.asked import Asked, asked, to_count
from rini.errors import RiniError
from rini.money import dollars
from rini.storage.database import in_database
from rini.web import json_lines
from rini.web.http import Endpoint, NothingHere, json_response, route, unless_disconnected
from rini.web.opened_stream import opened
from rini.web.parsing import parse_json
from rini.web.request_id import request_id


class AnthropicEndpoint(Endpoint):
    """An endpoint whose errors are in Anthropic's shape."""

    tags = ["anthropic"]

    def error_response(self, error: RiniError) -> Response:
        return json_response(
            failures.body_of(error, request_id()),
            status=failures.status_of(error),
            headers=failures.headers_of(error),
        )


class Messages(AnthropicEndpoint):
    """``POST /v1/messages``"""

    @schema.messages
    async def post(self, request: Request) -> Response:
        """An answer of any model, in Anthropic's format; nothing is stored but what it cost."""
        prepare = partial(_attempts, headers=dict(request.headers))
        wanted, attempts = await visit(request, _asked, prepare)
        if wanted.stream:
            return await opened(
                request,
                attempts.stream(partial(_frames, wanted, attempts)),
                lambda: {"request-id": request_id(), **attempts.headers},
                farewell=streams.failure,
                keepalive=streams.KEEPALIVE,
            )
        whole = attempts.whole(partial(_message, wanted, attempts))
        message = await unless_disconnected(request, whole)
        headers = {**_headers(attempts.call), **attempts.headers}
        return Response(message, media_type="application/json", headers=headers)


class CountTokens(AnthropicEndpoint):
    """``POST /v1/messages/count_tokens``"""

    @schema.count_tokens
    async def post(self, request: Request) -> Response:
        """The tokens of a request: the vendor's own count, or Rini's where it has none."""
        headers = dict(request.headers)
        wanted, target = await visit(request, _to_count, _target)
        if target.wire != messages.WIRE:
            chat = _chat_request(target, wanted)
            return json_response({"input_tokens": token_counts.count_request(chat, target.model)})
        count = messages.count_tokens(target, _for_anthropic(wanted), headers)
        return Response(await unless_disconnected(request, count), media_type="application/json")


class Models(AnthropicEndpoint):
    """``GET /v1/models`` for Anthropic's clients, which are known by ``anthropic-version``."""

    async def get(self, request: Request) -> Response:
        caller = await caller_of(request.headers)
        names = [str(model) for model in await in_database(access.usable_models, caller)]
        return json_response(_model_list(names))


class Unknown(NothingHere, AnthropicEndpoint):
    """Everything else under ``/v1/messages``."""


http_routes = [
    route(r"^v1/messages/?$", Messages()),
    route(r"^v1/messages/count_tokens/?$", CountTokens()),
    route(r"^v1/messages/", Unknown()),
]


def _asked(body: bytes) -> Asked:
    return asked(parse_json(body))


def _to_count(body: bytes) -> Asked:
    return to_count(parse_json(body))


def _target(wanted: Asked, caller: Caller) -> tuple[Asked, Target]:
    return wanted, catalogue.resolve(caller, provider=None, model=wanted.model).target


def _attempts(wanted: Asked, caller: Caller, headers: dict[str, str]) -> tuple[Asked, Attempts]:
    route = catalogue.resolve(caller, provider=None, model=wanted.model, fallbacks=wanted.fallbacks)
    payer = Payer.of(caller, Purpose.CHAT)

    def call(target: Target) -> Call:
        if target.wire == messages.WIRE:
            return MessagesCall(target, _for_anthropic(wanted), headers, payer)
        chat = _chat_request(target, wanted)
        check_size(chat)
        return Call(target, chat, payer)

    return wanted, fallbacks.attempts_by(route.targets, call)


def _frames(wanted: Asked, attempts: Attempts, call: Call) -> streams.Frames:
    if isinstance(call, MessagesCall):
        return streams.relayed(call)
    return streams.translated(call, _answer(wanted, attempts))


async def _message(wanted: Asked, attempts: Attempts, call: Call) -> bytes:
    if isinstance(call, MessagesCall):
        return await call.message()
    answer, completion = _answer(wanted, attempts), await call.completion()
    return json_lines.encoded(answers.whole(answer, completion, streams.usage_of(call)))


def _answer(wanted: Asked, attempts: Attempts) -> Answer:
    return Answer(f"msg_{uuid4().hex}", attempts.named(wanted.model))


def _for_anthropic(wanted: Asked) -> dict[str, Any]:
    return {**wanted.fields, "messages": keepsakes.without_ours(wanted.fields["messages"])}


def _chat_request(target: Target, wanted: Asked) -> ChatRequest:
    limit = vendor(target.provider).output_limits[0]
    return to_chat.chat_request(wanted.fields, limit=limit, thinks=thinks(target, {}))


def _headers(call: Call) -> dict[str, str]:
    cost = dollars(call.record.cost_nano) if call.record else None
    return {"request-id": request_id(), **({} if cost is None else {"x-rini-cost": cost})}


def _model_list(names: list[str]) -> dict[str, Any]:
    """Nobody knows when a model was made: Anthropic's format takes the epoch for that."""
    made = "1970-01-01T00:00:00Z"
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": made} for name in names
    ]
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return {"data": data, "has_more": False, **ends}
