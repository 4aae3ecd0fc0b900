"""What every DRF view of Rini shares: problem details, and lists by `skip` and `limit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from rini import errors
from rini.errors import Forbidden, RiniError, problem
from rini.translation import gettext as _
from rini.web import query, refusals
from rini.web.request_id import request_id

View = Callable[..., HttpResponseBase]
PROBLEM_JSON = "application/problem+json"
MAX_LIMIT = 1000
ROWS_AT_ONCE = 100
log = structlog.get_logger(__name__)


class SkipLimitPagination(BasePagination):
    """``?skip=0&limit=10`` over a list, answered as a plain array."""

    default_limit = 10

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        default = getattr(view, "default_limit", self.default_limit)
        skip = query.whole(request, "skip") or 0
        limit = query.whole(request, "limit", least=1, most=MAX_LIMIT) or default
        return within_bytes(queryset[skip : skip + limit])

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        default = getattr(view, "default_limit", self.default_limit)
        return [
            _parameter("skip", "How many to leave out.", minimum=0, default=0),
            _parameter("limit", "How many to give.", minimum=1, maximum=MAX_LIMIT, default=default),
        ]


def within_bytes(rows: Any) -> list[Any]:
    """The rows of a page. Raises `InvalidInput` as soon as their texts have more than
    `MAX_PAGE_BYTES`: a thousand rows may be as many megabytes."""
    page: list[Any] = []
    size = 0
    for row in rows.iterator(ROWS_AT_ONCE) if isinstance(rows, QuerySet) else rows:
        size += _size(row)
        if size > settings.MAX_PAGE_BYTES:
            raise errors.InvalidInput(
                errors={
                    "limit": [
                        _("These are too large together: ask for %(most)s at most.")
                        % {"most": len(page)}
                    ]
                }
            )
        page.append(row)
    return page


def _size(row: Any) -> int:
    """About how many bytes a row's texts have."""
    return sum(len(value) for value in vars(row).values() if isinstance(value, str))


def _parameter(name: str, description: str, **schema: int) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "integer", **schema},
    }


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's hook: every error that a view may raise, as problem details. None: it is a bug."""
    known = as_rini_error(error)
    if known is None:
        return None
    set_rollback()
    refusals.tell(known)
    response = Response(problem(known, request_id()), known.status, headers=known.headers)
    response.content_type = PROBLEM_JSON
    return response


def as_rini_error(error: Exception) -> RiniError | None:  # noqa: PLR0911  # one a kind
    """The `RiniError` that says the same as an exception of Django's or DRF's, if there is one."""
    match error:
        case RiniError():
            return error
        case exceptions.ValidationError():
            return errors.InvalidInput(errors=field_errors(error.detail))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return errors.NotAuthenticated()
        case Http404() | exceptions.NotFound():
            return errors.NotFound()
        case PermissionDenied() | exceptions.PermissionDenied():
            return errors.Forbidden()
        case exceptions.MethodNotAllowed():
            return errors.MethodNotAllowed(str(error.detail))
        case RequestDataTooBig():
            return errors.TooLarge()
        case OperationalError() | InterfaceError():
            log.error("database unavailable", error=str(error))
            return errors.Unavailable()
        case exceptions.APIException():
            return _like(error)
        case _:
            return None


def known_error(error: BaseException) -> RiniError:
    """What a caller learns of any failure. A bug is logged; they see its request's id, no more."""
    known = as_rini_error(error) if isinstance(error, Exception) else None
    if known is None:
        log.error("unexpected error", exc_info=error)
    return known or RiniError()


def _like(error: exceptions.APIException) -> RiniError:
    """An error with the status of one of DRF's rarer exceptions (415, 406)."""
    like = RiniError(str(error.detail), code=str(error.default_code))
    like.status = error.status_code
    return like


def field_errors(detail: Any, field: str = "") -> dict[str, list[str]]:
    """DRF's nested error detail, flat: ``{"messages.0.role": ["…"]}``."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            own = field if name == "non_field_errors" else f"{field}.{name}".lstrip(".")
            found |= field_errors(inner, own)
        return found
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        if all(isinstance(item, str) for item in detail):
            return {field or "body": [str(item) for item in detail]} if detail else {}
        return field_errors(dict(enumerate(detail)), field)
    return {field or "body": [str(detail)]}


def problem_response(error: RiniError) -> JsonResponse:
    """`error` as an answer of plain Django, for what never reached a view."""
    return JsonResponse(
        problem(error, request_id()),
        status=error.status,
        headers=error.headers,
        content_type=PROBLEM_JSON,
    )


def only_read(view: View) -> View:
    """A plain view that takes GET and HEAD only, and says so as the API does. By itself Django
    would ask for its token against forgery first, in HTML."""

    @csrf_exempt
    @wraps(view)
    def answering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in {"GET", "HEAD"}:
            return problem_response(errors.not_allowed(str(request.method), ("GET", "HEAD")))
        return view(request, *args, **kwargs)

    return answering


def page_not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem_response(
        errors.NotFound(_("There is no %(path)s here; see /docs.") % {"path": request.path})
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's own page, for the administration's people."""
    refusals.tell(Forbidden(f"{request.method} {request.path}"))
    return defaults.permission_denied(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem_response(errors.InvalidInput())


def server_error(request: HttpRequest) -> JsonResponse:
    return problem_response(RiniError())
