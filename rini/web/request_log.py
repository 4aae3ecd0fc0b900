"""One line in the log, and one count, for every request. Never what it says: only what it is.

    {"event": "request", "method": "POST", "route": "/v1/chat/completions", "status": 200,
     "duration_ms": 812.4, "user": …, "token": …, "request_id": …, "provider": …, "model": …,
     "vendor_status": …}

What is known of a request only further in (who asks, which model) is put in by `note`, from
wherever it is known. A WebSocket is one request, from its opening to its end.
"""

from __future__ import annotations

import random
import re
import time
from contextvars import ContextVar
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rini import metrics

UNKNOWN_ROUTE = "(none)"
PROBES = frozenset(("/livez", "/readyz", "/metrics"))
"""Asked every few seconds by whoever watches: counted, but in the log only if they fail."""
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_facts: ContextVar[dict[str, Any] | None] = ContextVar("request_facts", default=None)
log = structlog.get_logger("request")


def note(**facts: Any) -> None:
    """Add to the line of the request that is being served; outside of one it does nothing.

    `route` is its template. A fact that is None says nothing.
    """
    known = _facts.get()
    if known is not None:
        known.update({name: value for name, value in facts.items() if value is not None})


@cache
def template_of(pattern: str) -> str:
    """A route's pattern as people write it: ``/sessions/{session_id}/generations``."""
    simple = simplify_regex(pattern.removesuffix("/?$").removesuffix("$"))
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", simple).rstrip("/") or "/"


class RequestLog:
    """ASGI middleware; it stands inside of `RequestId`, whose id every line of a log has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        facts: dict[str, Any] = {}
        began = time.monotonic()
        status = 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close":
                facts.setdefault("close_code", message.get("code", 1000))
            await send(message)

        outer = _facts.set(facts)
        try:
            await self.app(scope, receive, send_noting)
        finally:
            _facts.reset(outer)
            _tell(scope, facts, status, time.monotonic() - began)


def _tell(scope: Scope, facts: dict[str, Any], status: int, seconds: float) -> None:
    """Status 0: the caller went before it had an answer."""
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
    method = method if method in _METHODS or method == "WEBSOCKET" else "OTHER"
    route = facts.pop("route", UNKNOWN_ROUTE)
    metrics.REQUESTS.labels(method, route, status).inc()
    metrics.REQUEST_SECONDS.labels(method, route).observe(seconds)
    is_probe = scope["path"].rstrip("/") in PROBES
    share = 0 if is_probe else settings.REQUEST_LOG
    if status >= 500 or random.random() < share:  # noqa: S311  # a sample
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
            **facts,
        )
