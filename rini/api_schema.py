"""What the views' entries in /openapi.json share: the shape of a problem, the kinds of tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from rini.api import PROBLEM_JSON


class Problem(serializers.Serializer[Any]):
    """Problem details (RFC 9457), as `rini.errors.problem` writes every error of the native API."""

    type = serializers.CharField(help_text="Always `about:blank`; `code` tells problems apart.")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What was wrong and what to do.")
    code = serializers.CharField(help_text="For programs: `not_found`, `rate_limited` …")
    request_id = serializers.CharField(help_text="Under this id the server's log tells more.")
    errors = serializers.DictField(  # type: ignore[assignment]  # DRF keeps fields off the class
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="For invalid input: the messages by field.",
    )


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """Entries for `extend_schema(responses=…)`: one problem for each of the statuses."""
    return {
        (status, PROBLEM_JSON): OpenApiResponse(Problem, HTTPStatus(status).phrase)
        for status in statuses
    }


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """Shows `BearerAuthentication` as HTTP's bearer scheme."""

    target_class = "accounts.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token from `/auth/token`, or an API token (`rini-…`).",
        }
