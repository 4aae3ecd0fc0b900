"""``/v1``: chat completions, embeddings and models as OpenAI's clients ask for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.authentication import Caller, caller_of, visit
from providers import access, completions, embedding, fallbacks, stand_ins
from providers.embedding import Embedding
from providers.fallbacks import Attempts
from providers.gateway import Call
from providers.models import Model, ModelKind
from providers.naming import find_model
from providers.types import ChatRequest
from rini.dialects.openai import relays, schema, streams, translate
from rini.dialects.openai.answer_headers import cost, overhead
from rini.dialects.openai.completions import TextAsked, text_answer, text_asked, text_chunk
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.errors import NotFound
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
        measured = overhead()
        asked, found = await visit(request, _chat_asked, _chat)
        attempts = (
            found if isinstance(found, Attempts) else await unless_disconnected(request, found())
        )

        def headers() -> dict[str, str]:
            return {**attempts.headers, **measured(attempts)}

        if asked.stream:
            read = partial(streams.frames, include_usage=asked.include_usage)
            frames = attempts.stream(read)
            return await opened(request, frames, headers, farewell=streams.farewell)
        completion = await unless_disconnected(request, attempts.whole(Call.completion))
        return json_response(completion, headers={**cost(attempts.call), **headers()})


class Completions(OpenAIEndpoint):
    """``POST /v1/completions``"""

    @schema.completions
    async def post(self, request: Request) -> Response:
        """How a text goes on. Servers of one's own go on from it; to vendors' models it is what a
        user says."""
        measured = overhead()
        asked, call = await visit(request, _text_asked, _text)
        if asked.stream:
            frames = streams.frames(call, include_usage=asked.include_usage, shaped=text_chunk)
            return await opened(request, frames, lambda: measured(call), farewell=streams.farewell)
        answer = text_answer(await unless_disconnected(request, call.completion()))
        return json_response(answer, headers={**cost(call), **measured(call)})


class Embeddings(OpenAIEndpoint):
    """``POST /v1/embeddings``"""

    @schema.embeddings
    async def post(self, request: Request) -> Response:
        """The vectors of texts or token ids, in their order."""
        measured = overhead()
        asked, call = await visit(request, _embeddings_asked, _embeddings)
        answer = await unless_disconnected(request, call.answer())
        count = call.record.input_tokens if call.record else None
        answer = translate.embeddings_answer(answer, as_base64=asked.as_base64, input_tokens=count)
        return json_response(answer, headers={**cost(call), **measured(call)})


class Models(OpenAIEndpoint):
    """``GET /v1/models``"""

    @schema.models
    async def get(self, request: Request) -> Response:
        """Every model that the caller can use now."""
        caller = await caller_of(request.headers)
        return json_response(translate.model_list(await in_database(_usable_models, caller)))


class OneModel(OpenAIEndpoint):
    """``GET /v1/models/{model}``: by either of its names, with whatever slashes they have."""

    @schema.one_model
    async def get(self, request: Request) -> Response:
        """A model that the caller can use now."""
        caller = await caller_of(request.headers)
        return json_response(await in_database(_shown, caller, request.path_params["model"]))


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
    route(r"^completions/?$", _also(Completions())),
    route(r"^embeddings/?$", _also(Embeddings())),
    route(r"^models/(?P<model>.+?)/?$", _also(OneModel())),
    route(r"^v1/chat/completions/?$", ChatCompletions()),
    route(r"^v1/completions/?$", Completions()),
    route(r"^v1/embeddings/?$", Embeddings()),
    route(r"^v1/models/(?P<model>.+?)/?$", OneModel()),
    route(r"^v1/moderations/?$", relays.Moderations()),
    route(r"^v1/rerank/?$", relays.Rerank()),
    route(r"^v1/images/generations/?$", relays.ImageGenerations()),
    route(r"^v1/audio/speech/?$", relays.Speech()),
    route(r"^v1/audio/transcriptions/?$", relays.Transcriptions()),
    route(r"^v1/", Unknown()),
]


def _chat_asked(body: bytes) -> translate.ChatAsked:
    return translate.chat_asked(parse_json(body))


def _text_asked(body: bytes) -> TextAsked:
    return text_asked(parse_json(body))


def _text(asked: TextAsked, caller: Caller) -> tuple[TextAsked, Call]:
    return asked, completions.prepare(caller, asked.model, asked.prompt, asked.params)


def _embeddings_asked(body: bytes) -> translate.EmbeddingsAsked:
    return translate.embeddings_asked(parse_json(body))


def _chat(
    asked: translate.ChatAsked, caller: Caller
) -> tuple[translate.ChatAsked, Attempts | Callable[[], Awaitable[Attempts]]]:
    """The calls; or what makes them, where more than a model is named."""
    request = ChatRequest(asked.messages, asked.params)
    if found := stand_ins.of(asked.model):
        stand_in, name = found
        return asked, partial(stand_in.call, caller, name, request)
    return asked, fallbacks.prepare(caller, None, asked.model, request, asked.fallbacks)


def _embeddings(
    asked: translate.EmbeddingsAsked, caller: Caller
) -> tuple[translate.EmbeddingsAsked, Embedding]:
    call = embedding.prepare(caller, None, asked.model, asked.inputs, asked.params)
    return asked, call


def _usable_models(caller: Caller) -> list[dict[str, Any]]:
    models = [_model_object(model) for model in access.usable_models(caller)]
    others = [translate.model_object(*named) for named in stand_ins.names(caller)]
    return [*models, *others]


def _shown(caller: Caller, name: str) -> dict[str, Any]:
    """A model as it is listed. Raises `NotFound`."""
    if found := stand_ins.of(name):
        stand_in, rest = found
        return translate.model_object(
            f"{stand_in.prefix}/{stand_in.find(caller, rest)}", stand_in.prefix
        )
    return _model_object(_usable_model(caller, name))


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
