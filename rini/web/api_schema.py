"""What the entries in /openapi.json share: names, errors that any of them may answer, tokens."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from rini.web.api import PROBLEM_JSON


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


def inline(name: str, *texts: str) -> type[serializers.Serializer[Any]]:
    """A component whose fields are all texts."""
    fields = {text: serializers.CharField() for text in texts}
    return type(name, (serializers.Serializer,), fields)


class Failures:
    """How an API describes its errors: the shape, and its media type. Without a shape they are
    texts."""

    def __init__(
        self,
        shape: type[serializers.Serializer[Any]] | None = Problem,
        media_type: str = PROBLEM_JSON,
    ) -> None:
        self.shape = shape
        self.media_type = media_type


class Schema(AutoSchema):
    """The entry of one operation.

    Adds what every operation has without saying it: the errors of authentication and limits, of
    bodies and parameters that are no good, and of retries. A view may set `failures`.
    """

    def get_operation_id(self) -> str:
        words = re.sub(r"\W+", "_", self.path).strip("_")
        return f"{self.method.lower()}_{words}" if words else self.method.lower()

    def get_tags(self) -> list[str]:
        own: list[str] = getattr(self.view, "tags", [])
        return own

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        if method == "POST" and operation.get("security"):
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        failures: Failures = getattr(self.view, "failures", None) or Failures()
        text = {"type": "string"}
        shape = self.resolve_serializer(failures.shape, "response").ref if failures.shape else text
        for status in _failures_of(operation, method):
            operation["responses"].setdefault(
                str(status),
                {
                    "description": HTTPStatus(status).phrase,
                    "content": {failures.media_type: {"schema": shape}},
                },
            )
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _get_serializer_name(
        self, serializer: Any, direction: Any, bypass_extensions: bool = False
    ) -> str:
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        kind = serializer if isinstance(serializer, type) else type(serializer)
        _, _, dialect = kind.__module__.partition("rini.dialects.")
        prefix = dialect.split(".")[0].title().replace("_", "")
        return name if name.startswith(prefix) else f"{prefix}{name}"


def _failures_of(operation: dict[str, Any], method: str) -> list[int]:
    """The statuses that an operation of this kind may answer with when it fails."""
    has_body = "requestBody" in operation
    return [
        503,
        *([401, 429] if operation.get("security") or method == "POST" else []),
        *([400, 404] if has_body or operation.get("parameters") else []),
        *([413, 415] if has_body else []),
        *([409, 413, 422] if method == "POST" else []),
    ]


# Without an example: pages that fill it in would have everybody send the same key.
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "Makes retries safe: for 24 hours the same key with the same body gets the stored answer."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
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
