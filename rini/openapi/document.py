"""Endpoints outside of Django, in the same OpenAPI document as its views.

They carry `extend_schema` on their methods as views do; drf-spectacular reads it off stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from django.contrib.admindocs.views import simplify_regex
from rest_framework import serializers
from rest_framework.views import APIView

import conversations.routing
import knowledge.routing
import providers.routing
import rini.dialects.routing
from rini import monitoring, service
from rini.openapi.answer_examples import ANSWERS
from rini.openapi.examples import EXAMPLES, OF_COMPONENTS
from rini.openapi.media_examples import BY_MEDIA_TYPE
from rini.openapi.vector_store_examples import FIELDS, OF_VECTOR_STORES
from rini.web.api_schema import Failures
from rini.web.http import Endpoint

Described = tuple[str, str, str, Callable[..., Any]]
Json = dict[str, Any]


class Detail(serializers.Serializer[Any]):
    detail = serializers.CharField()


class ErrorText(serializers.Serializer[Any]):
    error = serializers.CharField()


class OpenAIErrorBody(serializers.Serializer[Any]):
    message = serializers.CharField()
    type = serializers.CharField()
    param = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)


class OpenAIError(serializers.Serializer[Any]):
    error = OpenAIErrorBody()


class AnthropicErrorBody(serializers.Serializer[Any]):
    type = serializers.CharField()
    message = serializers.CharField()


class AnthropicError(serializers.Serializer[Any]):
    type = serializers.CharField()
    error = AnthropicErrorBody()
    request_id = serializers.CharField()


_JSON = "application/json"
_FAILURES = {
    "ai_sdk": Failures(None, "text/plain"),
    "openai": Failures(OpenAIError, _JSON),
    "anthropic": Failures(AnthropicError, _JSON),
    "session_chat": Failures(Detail, _JSON),
    "one_shot": Failures(Detail, _JSON),
    "conversation_rag": Failures(ErrorText, _JSON),
}
"""The shapes of the dialects' errors, by the name of their package."""
_SERVICE = {"/": service.index, "/livez/": service.livez, "/readyz/": service.readyz}
"""What plain Django answers."""


def add_endpoints(endpoints: list[Described]) -> list[Described]:
    """drf-spectacular's preprocessing hook: its own findings and the endpoints beside Django."""
    routes = (
        *providers.routing.http_routes,
        *knowledge.routing.http_routes,
        *conversations.routing.http_routes,
        *rini.dialects.routing.http_routes,
        *monitoring.http_routes,
    )
    return [
        *endpoints,
        *(found for route in routes for found in _described(route)),
        *(
            (path, path, "GET", _stand_in("Service", {"get": method, "tags": ["service"]}))
            for path, method in _SERVICE.items()
        ),
    ]


def add_examples(result: Json, **_: Any) -> Json:
    """drf-spectacular's postprocessing hook: every property shows what it looks like.

    Documentation pages put the examples of whole bodies together from them.
    """
    for name, component in result["components"]["schemas"].items():
        for field, schema in component.get("properties", {}).items():
            plain = name.removesuffix("Request")
            own = OF_COMPONENTS.get(plain) or FIELDS.get(plain.removeprefix("VectorStores"), {})
            example = own.get(field, EXAMPLES.get(field))
            if example is not None and "example" not in schema and "$ref" not in schema:
                schema["example"] = example
    for operation, answer in ANSWERS.items():
        for _media_type, content in _undescribed(result, operation):
            content["example"] = answer
            if isinstance(answer, list):
                content["schema"] = {"type": "array", "items": content["schema"]}
    for operation, by_type in (BY_MEDIA_TYPE | OF_VECTOR_STORES).items():
        for media_type, content in _undescribed(result, operation):
            content["example"] = by_type[media_type]
    return result


def _undescribed(result: Json, operation: tuple[str, str]) -> Iterator[tuple[str, Json]]:
    """The answers that no component describes, and their media types."""
    method, path = operation
    for answer in result["paths"][path][method]["responses"].values():
        for media_type, content in answer.get("content", {}).items():
            if "$ref" not in content["schema"]:
                yield media_type, content


def loosen_choices(result: Json, **_: Any) -> Json:
    """drf-spectacular's postprocessing hook: a value may fit several of the shapes it can have."""
    for component in result["components"]["schemas"].values():
        if "oneOf" in component and "discriminator" not in component:
            component["anyOf"] = component.pop("oneOf")
    return result


def shape_streams(result: Json, **_: Any) -> Json:
    """drf-spectacular's postprocessing hook: the schema of an event stream is that of its events.

    (As of OpenAPI 3.2, and as tools take it in 3.0.)
    """
    for methods in result["paths"].values():
        for operation in methods.values():
            stream = operation["responses"].get("200", {}).get("content", {})
            if "text/event-stream" in stream:
                stream["text/event-stream"]["schema"] = _EVENT
    return result


_TEXT = {"type": "string"}
_EVENT = {
    "type": "object",
    "description": "One server-sent event.",
    "properties": {"id": _TEXT, "event": _TEXT, "data": _TEXT},
    "required": ["data"],
}


def _described(route: Any) -> Iterator[Described]:
    endpoint: Endpoint = route.callback
    regex = route.pattern.regex.pattern
    methods = {name: getattr(type(endpoint), name, None) for name in Endpoint.methods}
    offered = {name: method for name, method in methods.items() if method}
    if not offered:
        return
    members = {**offered, "tags": endpoint.tags, "failures": _failures(type(endpoint))}
    view = _stand_in(type(endpoint).__name__, members)
    path = simplify_regex(regex).replace("<", "{").replace(">", "}")
    yield from ((path, regex, name.upper(), view) for name in offered)


def _failures(kind: type) -> Failures | None:
    """The errors of the dialect that an endpoint belongs to, itself or what it is made of."""
    for one in kind.__mro__:
        _, _, dialect = one.__module__.partition("rini.dialects.")
        if failures := _FAILURES.get(dialect.split(".")[0]):
            return failures
    return None


def _stand_in(name: str, members: Json) -> Callable[..., Any]:
    view = type(name, (APIView,), members)
    return cast(type[APIView], view).as_view()
