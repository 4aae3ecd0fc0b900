"""Rini's errors in the shape of OpenAI's API: ``{"error": {"message", "type", "param", "code"}}``.

The codes are OpenAI's own where it has one for the case, because clients compare them.
"""

from __future__ import annotations

from typing import Any

from rini.errors import RiniError

_NOT_FOUND = {"model_not_found", "provider_not_found"}
"""400 in the native API, where a model is a field of the input; here it is what does not exist."""
_CODES = {
    "not_authenticated": "invalid_api_key",
    "provider_not_found": "model_not_found",
    "context_too_long": "context_length_exceeded",
    "content_refused": "content_filter",
    "rate_limited": "rate_limit_exceeded",
    "provider_rate_limited": "rate_limit_exceeded",
    "provider_quota_exhausted": "insufficient_quota",
}
_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


def status_of(error: RiniError) -> int:
    return 404 if error.code in _NOT_FOUND else error.status


def headers_of(error: RiniError) -> dict[str, str]:
    """The error's own, and OpenAI's way to tell its clients that trying again is of no use."""
    is_final = error.code == "provider_quota_exhausted"
    return {**error.headers, **({"x-should-retry": "false"} if is_final else {})}


def body_of(error: RiniError) -> dict[str, Any]:
    fields = error.errors or {}
    other = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": _message(error),
            "type": _TYPES.get(error.status, other),
            "param": next(iter(fields), None),
            "code": _CODES.get(error.code, error.code),
        }
    }


def _message(error: RiniError) -> str:
    texts = [message for messages in (error.errors or {}).values() for message in messages]
    return " ".join(texts) if texts else error.detail
