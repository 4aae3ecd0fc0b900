"""Rini's errors in the shape of Anthropic's API.

``{"type": "error", "error": {"type", "message"}, "request_id"}``, with the types of
https://platform.claude.com/docs/en/api/errors, by which its clients decide what to do.
"""

from __future__ import annotations

from typing import Any

from rini.errors import RiniError

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_NOT_FOUND = {"model_not_found", "provider_not_found"}
"""400 in the native API, where a model is a field of the input; here it is what does not exist."""


def status_of(error: RiniError) -> int:
    return 404 if error.code in _NOT_FOUND else error.status


def headers_of(error: RiniError) -> dict[str, str]:
    """The error's own, and what tells Anthropic's clients that trying again is of no use."""
    is_final = error.code == "provider_quota_exhausted"
    return {**error.headers, **({"x-should-retry": "false"} if is_final else {})}


def body_of(error: RiniError, request_id: str) -> dict[str, Any]:
    status = status_of(error)
    other = "api_error" if status >= 500 else "invalid_request_error"
    told = {"type": _TYPES.get(status, other), "message": _message(error)}
    return {"type": "error", "error": told, "request_id": request_id}


def _message(error: RiniError) -> str:
    """With the fields' names, as Anthropic has it: ``max_tokens: Give …``."""
    fields = error.errors or {}
    texts = [f"{name}: {text}" for name, messages in fields.items() for text in messages]
    return " ".join(texts) if texts else error.detail
