"""Endpoints outside of Django in the same OpenAPI document as its views.

They carry `extend_schema` on their methods as views do; drf-spectacular reads it off stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib.admindocs.views import simplify_regex
from rest_framework.views import APIView

from conversations.routing import http_routes
from rini.http import Endpoint

Described = tuple[str, str, str, Callable[..., Any]]


def add_endpoints(endpoints: list[Described]) -> list[Described]:
    """drf-spectacular's preprocessing hook: its own findings and the endpoints beside Django."""
    return [*endpoints, *(found for route in http_routes for found in _described(route))]


def _described(route: Any) -> list[Described]:
    endpoint: Endpoint = route.callback
    regex = route.pattern.regex.pattern
    methods = {name: getattr(type(endpoint), name, None) for name in Endpoint.methods}
    offered = {name: method for name, method in methods.items() if method}
    stand_in = type(type(endpoint).__name__, (APIView,), offered)
    view = cast(type[APIView], stand_in).as_view()
    return [(simplify_regex(regex), regex, name.upper(), view) for name in offered]
