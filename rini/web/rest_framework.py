"""How Django REST framework and drf-spectacular are set up. Pure: `rini.settings` takes it in."""

from __future__ import annotations

from typing import Any

from rini import __version__

SETTINGS: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rini.web.parsing.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "rini.web.api.SkipLimitPagination",
    "DEFAULT_SCHEMA_CLASS": "rini.web.api_schema.Schema",
    "EXCEPTION_HANDLER": "rini.web.api.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `format` in a query is the route's own parameter
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DOCUMENT: dict[str, Any] = {
    "TITLE": "Rini",
    "DESCRIPTION": "A self-hosted backend for applications that talk to language models.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["rini.openapi.document.add_endpoints"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rini.openapi.document.add_examples",
        "rini.openapi.requests.add_bodies",
        "rini.openapi.document.loosen_choices",
        "rini.openapi.document.shape_streams",
        "rini.openapi.links.add_links",
    ],
    "ENUM_NAME_OVERRIDES": {
        "MessageStatus": "conversations.models.MessageStatus",
        "Role": "conversations.models.Role",
        "GenerationStatus": "conversations.models.GenerationStatus",
        "UsageStatus": "billing.models.UsageStatus",
        "DocumentStatus": "knowledge.models.DocumentStatus",
        "SearchMode": ["hybrid", "vector", "keyword"],
    },
}
