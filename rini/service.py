"""What is asked of the service itself: who it is, whether it lives, whether it is ready."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from rini import __version__
from rini.storage import periodic, valkey
from rini.storage.statements import execute
from rini.web import draining
from rini.web.api import only_read
from rini.web.api_schema import inline


class Readiness(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["healthy", "degraded", "unhealthy", "draining"])
    database = serializers.ChoiceField(["connected", "disconnected"])
    redis = serializers.ChoiceField(["connected", "disconnected"])
    periodic_work = serializers.ChoiceField(
        ["on time", "late"], required=False, help_text="Left out where the database is away."
    )
    periodic_work_last_run = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Null: it has not run yet."
    )
    version = serializers.CharField()
    timestamp = serializers.DateTimeField()


_READY: dict[Any, Any] = {200: Readiness, 503: Readiness}


@only_read
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


@only_read
@extend_schema(summary="Say that it lives", auth=[], responses={200: inline("Alive", "status")})
def livez(request: HttpRequest) -> JsonResponse:
    """The process answers; this says nothing of what it needs."""
    return JsonResponse({"status": "alive"})


@only_read
@extend_schema(summary="Check the readiness", auth=[], responses=_READY)
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether the database and the cache answer too, and the process is not ending: 200, else 503.

    `degraded` is still ready: requests are answered, but the clock or the worker does not run, so
    what dead processes left is not cleared up.
    """
    states = parts()
    ready = all(state == "connected" for state in states.values())
    work = _periodic_work() if ready else {}
    if draining.is_under_way():
        ready, status = False, "draining"
    elif not ready:
        status = "unhealthy"
    else:
        status = "degraded" if work["periodic_work"] == "late" else "healthy"
    return JsonResponse(
        {"status": status, **states, **work, "version": __version__, "timestamp": _now()},
        status=200 if ready else 503,
    )


def parts() -> dict[str, str]:
    """What Rini cannot do without, each ``connected`` or ``disconnected``."""
    return {"database": _state(_database_answers()), "redis": _state(valkey.answers())}


def _periodic_work() -> dict[str, str | None]:
    last = periodic.last_run()
    return {
        "periodic_work": "late" if periodic.late() else "on time",
        "periodic_work_last_run": _moment(last) if last else None,
    }


def _state(answers: bool) -> str:
    return "connected" if answers else "disconnected"


def _database_answers() -> bool:
    try:
        execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _now() -> str:
    return _moment(timezone.now())


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
