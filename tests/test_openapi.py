"""/openapi.json is whole: every route, every event. (That it is true: `tests/fuzzing`.)"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import OpenAPIV30SpecValidator

import conversations.routing
import knowledge.routing
import providers.routing
import rini.dialects.routing
import rini.monitoring
from conversations.answering.events import EventType
from conversations.api.described import EVENTS
from rini.openapi.requests import BODIES
from rini.web.http import NothingHere
from tests.conftest import User
from tests.rini_server import RiniServer

Document = dict[str, Any]
METHODS = {"get", "post", "put", "patch", "delete"}
FOR_PEOPLE = ("admin/", "^docs", "^redoc", "^openapi")
"""Pages, and the document itself."""
_LINKED_FILE = "messages/{message_id}/file/"
BRANCHES = ("oneOf", "anyOf", "allOf")


@pytest.fixture(scope="module")
def document(server: RiniServer) -> Document:
    answer: Document = httpx.get(f"{server.url}/openapi.json", timeout=30).json()
    return answer


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in METHODS & methods.keys():
            yield path, method, methods[method]


def test_the_document_validates(document: Document) -> None:
    problems = [error.message for error in OpenAPIV30SpecValidator(document).iter_errors()]
    assert not problems


def django_routes(patterns: Any, before: str = "") -> Iterator[tuple[str, set[str]]]:
    for pattern in patterns:
        regex = before + str(pattern.pattern)
        if regex.startswith(FOR_PEOPLE):
            continue
        if isinstance(pattern, URLResolver):
            yield from django_routes(pattern.url_patterns, regex)
        else:
            yield regex, set(_methods(pattern))


def _methods(pattern: URLPattern) -> Iterator[str]:
    view: Any = pattern.callback
    actions = getattr(view, "actions", None)
    names = actions or [name for name in METHODS if hasattr(getattr(view, "cls", None), name)]
    return (name for name in names or ["get"] if name in METHODS)


def asgi_routes() -> Iterator[tuple[str, set[str]]]:
    hot = (
        *(providers.routing, knowledge.routing, conversations.routing),
        *(rini.dialects.routing, rini.monitoring),
    )
    for module in hot:
        for route in module.http_routes:
            endpoint: Any = route.callback
            if not isinstance(endpoint, NothingHere):
                yield (
                    route.pattern.regex.pattern,
                    {method for method in METHODS if hasattr(endpoint, method)},
                )


def as_path(regex: str) -> str:
    """A route's pattern as the document writes it, with the names of its arguments left out."""
    path = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "{}", regex)
    return "/" + re.sub(r"[\^$]|/\?", "", path).rstrip("/").replace("\\.", ".")


def test_every_route_is_in_the_document_and_the_other_way_round(document: Document) -> None:
    routes = {*_flat(django_routes(get_resolver().url_patterns)), *_flat(asgi_routes())}
    described = {
        (re.sub(r"\{\w+\}", "{}", path).rstrip("/") or "/", method)
        for path, method, _ in operations(document)
    }
    assert described - routes == set()
    assert routes - described == set()


def _flat(routes: Iterator[tuple[str, set[str]]]) -> Iterator[tuple[str, str]]:
    for regex, methods in routes:
        for method in methods:
            yield as_path(regex) or "/", method


def test_every_operation_says_what_it_is_for(document: Document) -> None:
    wanted = ("summary", "description", "tags")
    silent = [(p, m) for p, m, told in operations(document) if not all(map(told.get, wanted))]
    assert not silent


def test_no_two_operations_have_the_same_summary(document: Document) -> None:
    """They stand side by side in a list, without their addresses in some tools."""
    summaries = Counter(told.get("summary") for _, _, told in operations(document))
    assert [name for name, count in summaries.items() if count > 1] == []


def test_every_body_and_answer_has_an_example(document: Document) -> None:
    schemas = document["components"]["schemas"]
    missing = {
        f"{name}.{field}"
        for name, component in schemas.items()
        for field, schema in component.get("properties", {}).items()
        if not _shows(schema)
    }
    assert not missing
    without = [
        (path, method, status)
        for path, method, told in operations(document)
        for status, answer in told["responses"].items()
        for media_type, content in answer.get("content", {}).items()
        if not media_type.startswith("image/")
        and not {"example", "examples"} & content.keys()
        and not _is_composed(content["schema"])
    ]
    assert not without


def _shows(schema: dict[str, Any]) -> bool:
    return (
        bool({"example", "$ref", "enum", "default", *BRANCHES} & schema.keys())
        or schema.get("type") == "boolean"
        or _is_composed(schema)
    )


def _is_composed(schema: dict[str, Any]) -> bool:
    """Whether an example comes from the component that the schema refers to."""
    return "$ref" in schema or "$ref" in schema.get("items", {})


def test_every_event_of_an_answer_is_shown(document: Document) -> None:
    told = document["paths"]["/generations/{generation_id}/events/"]["get"]["responses"]["200"]
    examples = told["content"]["text/event-stream"]["examples"]
    shown = {example["value"]["event"]: example["value"] for example in examples.values()}
    assert set(EventType) == shown.keys() == EVENTS.keys()
    for type_, event in shown.items():
        assert json.loads(event["data"])["type"] == type_


def test_tokens_are_asked_for_everywhere_but_where_one_gets_them(document: Document) -> None:
    free = {path for path, _, told in operations(document) if not told.get("security")}
    assert free == {
        *("/", "/livez/", "/readyz/", "/metrics/", "/health/", "/api/health/"),
        *("/users/", "/auth/token/", "/auth/refresh/", "/auth/logout/"),
        *("/api/users/register/", "/api/users/login/"),
        *(f"/shared/sessions/{{token}}/{rest}" for rest in ("", "messages/", _LINKED_FILE)),
    }


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_that_the_documentation_shows_works_on_a_fresh_installation(
    alice: User, document: Document, method: str, path: str
) -> None:
    content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
    known = BODIES["post", "/users/"]
    if path == "/auth/token/":
        alice.post("/users/", json=known).raise_for_status()
    answer = alice.request(method, path, json=content["example"])
    assert answer.is_success, answer.text
