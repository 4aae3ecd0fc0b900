"""What is asked of the service itself: who it is, whether it lives, whether it is ready."""

from __future__ import annotations

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema

from rini import __version__
from rini.storage import valkey
from rini.storage.statements import execute
from rini.web.api_schema import inline

_READINESS = inline("Readiness", "status", "database", "redis", "version", "timestamp")


@extend_schema(
    summary="Say what answers here",
    auth=[],
    responses={200: inline("Index", "message", "service", "status", "version", "timestamp")},
)
def index(request: HttpRequest) -> JsonResponse:
    """What answers here."""
    return JsonResponse(
        {
            "message": "This is Rini. Its API is described at /docs.",
            "service": "rini",
            "status": "running",
            "version": __version__,
            "timestamp": _now(),
        }
    )


@extend_schema(summary="Say that it lives", auth=[], responses={200: inline("Alive", "status")})
def livez(request: HttpRequest) -> JsonResponse:
    """The process answers; says nothing of what it needs."""
    return JsonResponse({"status": "alive"})


@extend_schema(summary="Check the readiness", auth=[], responses={200: _READINESS, 503: _READINESS})
def readyz(request: HttpRequest) -> JsonResponse:
    """The database and the cache answer too: 200, else 503."""
    states = parts()
    ready = all(state == "connected" for state in states.values())
    status = "healthy" if ready else "unhealthy"
    return JsonResponse(
        {"status": status, **states, "version": __version__, "timestamp": _now()},
        status=200 if ready else 503,
    )


def parts() -> dict[str, str]:
    """What Rini cannot do without, each ``connected`` or ``disconnected``."""
    return {"database": _state(_database_answers()), "redis": _state(valkey.answers())}


def _state(answers: bool) -> str:
    return "connected" if answers else "disconnected"


def _database_answers() -> bool:
    try:
        execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _now() -> str:
    return timezone.now().isoformat().replace("+00:00", "Z")
