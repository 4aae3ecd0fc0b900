"""The tree of errors that a caller may see.

    RiniError                      500 internal_error
    ├── InvalidInput               400 invalid_input        (`errors`: field → messages)
    ├── NotAuthenticated           401 not_authenticated
    ├── BudgetExceeded             402 budget_exceeded
    ├── Forbidden                  403 forbidden
    ├── NotFound                   404 not_found
    ├── MethodNotAllowed           405 method_not_allowed
    ├── Conflict                   409 conflict
    ├── TooLarge                   413 too_large
    ├── UnsupportedMediaType       415 unsupported_media_type
    ├── Unprocessable              422 unprocessable
    ├── RateLimited                429 rate_limited         (`retry_after`)
    ├── Unavailable                503 unavailable          (`retry_after`)
    └── providers.errors.ProviderError …                    what a vendor did wrong

A class knows its ``code`` and ``status``; what was wrong and what to do is the ``detail`` of the
instance, in the language of the request (`rini.translation`). The dialects render the same errors
in their own shapes; `problem` is the native one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from rini.translation import gettext, gettext_noop

FieldErrors = Mapping[str, Sequence[str]]


class RiniError(Exception):
    """The root. `detail` is a sentence for the person who has to fix it."""

    status = 500
    code = "internal_error"
    detail = gettext_noop("Something went wrong inside Rini. The request's id is in its log.")

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        errors: FieldErrors | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.detail = (_first(errors) or gettext(self.detail)) if detail is None else detail
        super().__init__(self.detail)
        if code is not None:
            self.code = code
        self.errors = errors
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer: ``Retry-After`` in whole seconds, rounded up."""
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


class InvalidInput(RiniError):
    status = 400
    code = "invalid_input"
    detail = gettext_noop("The request is not valid.")


class NotAuthenticated(RiniError):
    status = 401
    code = "not_authenticated"
    detail = gettext_noop("Send a token: `Authorization: Bearer <access token or API token>`.")

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class BudgetExceeded(RiniError):
    status = 402
    code = "budget_exceeded"
    detail = gettext_noop("A budget does not allow this call.")
    scope = ""
    """Whose budget it is: ``user``, ``token``, ``session``, ``installation``."""


class Forbidden(RiniError):
    status = 403
    code = "forbidden"
    detail = gettext_noop("This is not allowed.")


class NotFound(RiniError):
    status = 404
    code = "not_found"
    detail = gettext_noop("There is nothing here.")


class MethodNotAllowed(RiniError):
    status = 405
    code = "method_not_allowed"
    detail = gettext_noop("This address does not take this method.")
    allowed: Sequence[str] = ()
    """The methods that it takes."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.allowed)} if self.allowed else {}


def not_allowed(method: str, allowed: Iterable[str]) -> MethodNotAllowed:
    """The error for a `method` that is none of those `allowed`."""
    methods = tuple(allowed)
    error = MethodNotAllowed(
        gettext("%(method)s is not possible here, only %(allowed)s.")
        % {"method": method, "allowed": ", ".join(methods)}
    )
    error.allowed = methods
    return error


class Conflict(RiniError):
    status = 409
    code = "conflict"
    detail = gettext_noop("Another request came first.")


class TooLarge(RiniError):
    status = 413
    code = "too_large"
    detail = gettext_noop("The request is too large.")

    @property
    def headers(self) -> dict[str, str]:
        """The rest of the body is not read: the connection cannot be used again."""
        return {"Connection": "close"}


class UnsupportedMediaType(RiniError):
    status = 415
    code = "unsupported_media_type"
    detail = gettext_noop("The body must be JSON.")


class Unprocessable(RiniError):
    status = 422
    code = "unprocessable"
    detail = gettext_noop("The request is well-formed but cannot be carried out.")


class RateLimited(RiniError):
    status = 429
    code = "rate_limited"
    detail = gettext_noop("Too many requests; try again later.")


class Unavailable(RiniError):
    status = 503
    code = "unavailable"
    detail = gettext_noop("Rini cannot reach its database now; try again shortly.")

    def __init__(self, detail: str | None = None, **more: Any) -> None:
        more.setdefault("retry_after", 5)
        super().__init__(detail, **more)


def _first(errors: FieldErrors | None) -> str:
    """The first of several messages, with its field: what a reader of one sentence needs."""
    for field, messages in (errors or {}).items():
        for message in messages:
            return message if field == "body" else f"{field}: {message}"
    return ""


def sentence(error: RiniError) -> str:
    """All that `error` says in one text, for APIs that have only one."""
    if not error.errors:
        return error.detail
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in error.errors.items())


def problem(error: RiniError, request_id: str) -> dict[str, Any]:
    """`error` as RFC 9457 problem details, the native API's shape."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors:
        body["errors"] = {field: list(messages) for field, messages in error.errors.items()}
    return body
