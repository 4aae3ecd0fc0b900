"""``/v1``: chat completions, embeddings and models as OpenAI's clients ask for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.authentication import Caller, caller_of, visit
from providers import access, embedding, fallbacks
from providers.embedding import Embedding
from providers.fallbacks import Attempts
from providers.gateway import Call
from providers.metering import Metered
from providers.models import Model, ModelKind
from providers.naming import find_model
from providers.types import ChatRequest
from rini.dialects.openai import schema, streams, translate
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.errors import NotFound
from rini.money import dollars
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web.http import NothingHere, json_response, route, unless_disconnected
from rini.web.opened_stream import opened
from rini.web.parsing import parse_json


class ChatCompletions(OpenAIEndpoint):
    """``POST /v1/chat/completions``"""

    @schema.chat
    async def post(self, request: Request) -> Response:
        """An answer of any model, in OpenAI's format; nothing is stored but what it cost."""
        overhead = _overhead()
        asked, attempts = await visit(request, _chat_asked, _chat)

        def headers() -> dict[str, str]:
            return {**attempts.headers, **overhead(attempts.vendor_seconds)}

        if asked.stream:
            read = partial(streams.frames, include_usage=asked.include_usage)
            frames = attempts.stream(read)
            return await opened(request, frames, headers, farewell=streams.farewell)
        completion = await unless_disconnected(request, attempts.whole(Call.completion))
        return json_response(completion, headers={**_cost(attempts.call), **headers()})


class Embeddings(OpenAIEndpoint):
    """``POST /v1/embeddings``"""

    @schema.embeddings
    async def post(self, request: Request) -> Response:
        """The vectors of texts or token ids, in their order."""
        overhead = _overhead()
        asked, call = await visit(request, _embeddings_asked, _embeddings)
        answer = await unless_disconnected(request, call.answer())
        count = call.record.input_tokens if call.record else None
        answer = translate.embeddings_answer(answer, as_base64=asked.as_base64, input_tokens=count)
        return json_response(answer, headers={**_cost(call), **overhead(call.vendor_seconds)})


class Models(OpenAIEndpoint):
    """``GET /v1/models``"""

    @schema.models
    async def get(self, request: Request) -> Response:
        """Every model that the caller can use now."""
        caller = await caller_of(request.headers)
        models = await in_database(access.usable_models, caller)
        return json_response(translate.model_list([_model_object(model) for model in models]))


class OneModel(OpenAIEndpoint):
    """``GET /v1/models/{model}``: by either of its names, with whatever slashes they have."""

    @schema.one_model
    async def get(self, request: Request) -> Response:
        """A model that the caller can use now."""
        caller = await caller_of(request.headers)
        model = await in_database(_usable_model, caller, request.path_params["model"])
        return json_response(_model_object(model))


class Unknown(NothingHere, OpenAIEndpoint):
    """Everything else under ``/v1``."""


def _also(endpoint: OpenAIEndpoint) -> ASGIApp:
    """The same at another address: as a function, which the OpenAPI document leaves out."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(scope, receive, send)

    return app


http_routes = [
    # For clients whose base URL lacks its `/v1`.
    route(r"^chat/completions/?$", _also(ChatCompletions())),
    route(r"^embeddings/?$", _also(Embeddings())),
    route(r"^models/(?P<model>.+?)/?$", _also(OneModel())),
    route(r"^v1/chat/completions/?$", ChatCompletions()),
    route(r"^v1/embeddings/?$", Embeddings()),
    route(r"^v1/models/(?P<model>.+?)/?$", OneModel()),
    route(r"^v1/", Unknown()),
]


def _chat_asked(body: bytes) -> translate.ChatAsked:
    return translate.chat_asked(parse_json(body))


def _embeddings_asked(body: bytes) -> translate.EmbeddingsAsked:
    return translate.embeddings_asked(parse_json(body))


def _chat(asked: translate.ChatAsked, caller: Caller) -> tuple[translate.ChatAsked, Attempts]:
    request = ChatRequest(asked.messages, asked.params)
    return asked, fallbacks.prepare(caller, None, asked.model, request, asked.fallbacks)


def _embeddings(
    asked: translate.EmbeddingsAsked, caller: Caller
) -> tuple[translate.EmbeddingsAsked, Embedding]:
    call = embedding.prepare(caller, None, asked.model, asked.inputs, asked.params)
    return asked, call


def _usable_model(caller: Caller, name: str) -> Model:
    model = find_model(caller, None, name, ModelKind.CHAT)
    is_known = model.pk is not None or model.provider.any_model
    is_usable = is_known and model.enabled and access.usable_providers(caller, [model.provider])
    if not is_usable or not access.allows(caller, model):
        raise NotFound(
            _("There is no model “%(name)s” for you.") % {"name": name}, code="model_not_found"
        )
    return model


def _model_object(model: Model) -> dict[str, Any]:
    return translate.model_object(str(model), model.provider_id)


def _overhead() -> Callable[[float], dict[str, str]]:
    """Begins to measure: what it returns gives the time since then that was not the vendor's."""
    began = time.monotonic()

    def header(vendor_seconds: float) -> dict[str, str]:
        own = time.monotonic() - began - vendor_seconds
        return {"x-rini-overhead-ms": f"{own * 1000:.2f}"}

    return header


def _cost(call: Metered) -> dict[str, str]:
    """In US dollars; nothing where the price is unknown."""
    cost = dollars(call.record.cost_nano) if call.record else None
    return {} if cost is None else {"x-rini-cost": cost}
