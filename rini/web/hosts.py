"""Under which names Rini answers. A page whose name was made to point here (DNS rebinding) has the
browser's whole trust: it may read what it asks for. So names that nobody has allowed get nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

import orjson
from django.http.request import validate_host
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from rini.environment.addresses import LOOPBACK_NAMES
from rini.errors import InvalidInput, problem
from rini.translation import gettext as _
from rini.web.api import PROBLEM_JSON
from rini.web.request_id import request_id

# As RFC 3986 has it, and with the underscore that containers' names have.
_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[a-f0-9:.]+\])(?::[0-9]{1,5})?")


def name_of(host: str) -> str | None:
    """The name in a ``Host`` header, without its port and its last dot; None if it is none."""
    found = _HOST.fullmatch(host.strip().lower())
    return found["name"].removesuffix(".") if found else None


class Hosts:
    """ASGI middleware: refuses requests under names that are not allowed.

    `allowed` is as Django's ``ALLOWED_HOSTS``; the loopback's names always are. With `literals` an
    IP address is too: no name can be made to point at it.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str], *, literals: bool) -> None:
        self.app = app
        self.allowed = [*LOOPBACK_NAMES, *(name.lower() for name in allowed)]
        self.literals = literals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or self._is_allowed(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403})
        else:
            await _refuse(scope, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if "*" in self.allowed:
            return True
        name = name_of(_host(scope))
        if name is None:
            return False
        return validate_host(name, self.allowed) or (self.literals and _is_literal(name))


def _host(scope: Scope) -> str:
    return Headers(scope=scope).get("host", "")


def _is_literal(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


async def _refuse(scope: Scope, send: Send) -> None:
    error = InvalidInput(
        _(
            "Rini does not answer under the name %(name)r. The operator allows names with "
            "ALLOWED_HOSTS."
        )
        % {"name": _host(scope)[:100]},
        code="host_not_allowed",
    )
    body = orjson.dumps(problem(error, request_id()))
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
