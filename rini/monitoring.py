"""/metrics, in Prometheus's text format: the counts of all processes, and the state of the whole.

Open to this machine; from elsewhere it takes the operator's `METRICS_TOKEN` as a bearer token, or
`METRICS_OPEN`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from billing.models import Hold
from conversations.models import Generation, GenerationStatus
from rini import metrics
from rini.celery import app as celery
from rini.errors import NotAuthenticated
from rini.models import PeriodicTask, Process
from rini.money import NANO
from rini.storage import valkey
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web.api_schema import problems
from rini.web.http import Endpoint, route

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Endpoint):
    tags = ["service"]

    @extend_schema(
        summary="Read the metrics", auth=[], responses={(200, "text/plain"): str, **problems(401)}
    )
    async def get(self, request: Request) -> Response:
        """Counts and states for Prometheus."""
        _admit(request)
        return Response(await in_database(_text), media_type=CONTENT_TYPE)


http_routes = [route(r"^metrics/?$", Metrics())]


def _admit(request: Request) -> None:
    """Raise `NotAuthenticated` unless the caller is here, or has the token."""
    if settings.METRICS_OPEN or _is_local(request):
        return
    token = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
    expected = settings.METRICS_TOKEN.reveal().encode()
    if not expected or not hmac.compare_digest(token, expected):
        raise NotAuthenticated(
            _("Metrics are for this machine and for callers with METRICS_TOKEN.")
        )


def _is_local(request: Request) -> bool:
    """From this machine itself, and not through a proxy that stands here for somebody else."""
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _text() -> bytes:
    registry = CollectorRegistry()
    registry.register(_Counts())
    registry.register(_State())
    return generate_latest(registry)


class _Counts(Collector):
    """What all processes of all hosts have counted."""

    def collect(self) -> Iterable[Metric]:
        merge: Callable[..., Iterable[Metric]] = MultiProcessCollector.merge
        return merge(metrics.files(), accumulate=True)


class _State(Collector):
    """What PostgreSQL and Valkey say of the whole installation at this moment."""

    def collect(self) -> Iterator[Metric]:
        running = Generation.objects.filter(status=GenerationStatus.RUNNING).count()
        yield GaugeMetricFamily("rini_generations_running", "Answers being written.", running)
        holds = Hold.objects.aggregate(count=Count("id"), amount=Coalesce(Sum("amount_nano"), 0))
        yield GaugeMetricFamily("rini_holds", "Calls that are not settled yet.", holds["count"])
        yield GaugeMetricFamily("rini_held_dollars", "What those may cost.", holds["amount"] / NANO)
        yield GaugeMetricFamily("rini_processes", "Processes known.", Process.objects.count())
        yield _queues()
        yield _ages()


def _queues() -> Metric:
    lengths = GaugeMetricFamily("rini_queue_length", "Background work waiting.", labels=["queue"])
    for queue in celery.amqp.queues or {celery.conf.task_default_queue: None}:
        lengths.add_metric([queue], valkey.client().llen(queue))
    return lengths


def _ages() -> Metric:
    ages = GaugeMetricFamily(
        "rini_periodic_task_age_seconds", "Since a periodic task last succeeded.", labels=["task"]
    )
    now = timezone.now()
    for task, at in PeriodicTask.objects.values_list("name", "succeeded_at"):
        if at is not None:
            ages.add_metric([task], (now - at).total_seconds())
    return ages
