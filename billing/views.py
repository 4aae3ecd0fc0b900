"""The HTTP API of usage, its cost, and budgets."""

from __future__ import annotations

from typing import Any, cast, get_args
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import Caller, caller_in
from accounts.permissions import is_operator
from billing import budgets, corrections, export, filters, pages, pricing, reports, serializers
from billing.models import Budget, Price, Rollup, Scope, UsageRecord
from billing.reports import GroupBy
from rini.errors import NotFound
from rini.money import NANO, dollars
from rini.translation import gettext as _
from rini.web import query
from rini.web.api_schema import problems
from rini.web.routes import Resource

PAGE_SIZE, LARGEST_PAGE = 100, 1000
GROUPS = get_args(GroupBy)


class UsageViewSet(Resource[UsageRecord]):
    """Rows of the ledger, and what they come to. A row is one attempt against a provider."""

    tags = ["usage"]
    queryset = UsageRecord.objects.none()
    pagination_class = None  # by cursor: the ledger grows while it is read

    @extend_schema(
        summary="List calls",
        parameters=[
            *filters.PARAMETERS,
            OpenApiParameter("cursor", str, description="The `next` of the page before."),
            OpenApiParameter("limit", int, description="At most 1000; 100 if it is left out."),
        ],
        responses={200: serializers.Page, **problems(400, 401, 403)},
    )
    def list(self, request: Request) -> Response:
        """The caller's calls, one row for each attempt against a provider, newest first."""
        wanted = filters.read(request, caller_in(request))
        limit = query.whole(request, "limit", least=1, most=LARGEST_PAGE) or PAGE_SIZE
        records, after = pages.page(wanted, query.text(request, "cursor"), limit)
        shown = serializers.RecordSerializer(records, many=True).data
        return Response({"results": shown, "next": after})

    @extend_schema(
        summary="Show a call", responses={200: serializers.Explanation, **problems(401, 404)}
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """One call: what its cost is made of, and how it was corrected."""
        record = _record(caller_in(request), UUID(pk))
        is_call = record.corrects_id is None
        price = Price.objects.filter(pk=record.price_id or 0).first() if is_call else None
        explained: Any = record
        explained.lines = pricing.itemised(record.usage, price) if price else []
        explained.corrections = UsageRecord.objects.filter(corrects_id=record.id).order_by(
            "recorded_at"
        )
        explained.corrected_cost = dollars(corrections.recorded_cost(record))
        return Response(serializers.Explanation(explained).data)

    @extend_schema(
        summary="Sum up usage",
        parameters=[*filters.PARAMETERS, OpenApiParameter("group_by", enum=GROUPS, required=True)],
        responses={200: serializers.Summary, **problems(400, 401, 403)},
    )
    @action(detail=False)
    def summary(self, request: Request) -> Response:
        """Sums by time or by what was called. Days and weeks are those of `timezone`.

        By session these are the 1000 dearest ones; the total is always of all.
        """
        wanted = filters.read(request, caller_in(request))
        group_by = query.choice(request, "group_by", GROUPS) or "day"
        groups = reports.summary(wanted, cast(GroupBy, group_by))
        shown = groups if group_by != "session" else groups[:LARGEST_PAGE]
        body = {
            "group_by": group_by,
            "timezone": wanted.timezone,
            "results": [serializers.sums_as_json(sums) for sums in shown],
            "total": serializers.sums_as_json(reports.total(groups)),
        }
        return Response(body)

    @extend_schema(
        summary="Estimate costs",
        parameters=filters.PARAMETERS,
        responses={200: serializers.CostEstimation, **problems(400, 401, 403)},
    )
    @action(detail=False, url_path="cost-estimation")
    def cost_estimation(self, request: Request) -> Response:
        """What the calls have cost, by model, in dollars as JSON numbers.

        A model that two providers have counts once, with both. Calls whose price is unknown are
        not in it: `/usage/summary` says how many there are.
        """
        wanted = filters.read(request, caller_in(request))
        details: dict[str, Any] = {}
        for sums in reports.summary(wanted, "model"):
            name = (sums.group or "").partition("/")[2]
            known = details.setdefault(name, [0, 0, 0])
            found = (sums.input_tokens, sums.output_tokens, sums.cost_nano)
            details[name] = [before + more for before, more in zip(known, found, strict=True)]
        body = {
            "total_estimated_cost": sum(nano for _, _, nano in details.values()) / NANO,
            "currency": "USD",
            "start_date": query.text(request, "start_date"),
            "end_date": query.text(request, "end_date"),
            "details": {
                name: {
                    "prompt_tokens": into,
                    "completion_tokens": out,
                    "estimated_cost": nano / NANO,
                }
                for name, (into, out, nano) in details.items()
            },
        }
        return Response(body)

    @extend_schema(
        summary="Export calls",
        parameters=filters.PARAMETERS,
        responses={
            (200, "text/csv"): OpenApiResponse(str, "The rows, newest first."),
            **problems(400, 401, 403),
        },
    )
    @action(detail=False)
    def export(self, request: Request) -> HttpResponseBase:
        """The caller's calls as CSV."""
        return StreamingHttpResponse(
            export.lines(filters.read(request, caller_in(request))),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": 'attachment; filename="usage.csv"',
                "X-Accel-Buffering": "no",
            },
        )

    @extend_schema(
        summary="List one's own budgets",
        responses={200: serializers.BudgetState(many=True), **problems(401)},
    )
    @action(detail=False)
    def budgets(self, request: Request) -> Response:
        """Every budget that applies to the caller, with what is left of it now."""
        counted = budgets.standing(_budgets_of(caller_in(request)), timezone.now())
        return Response(serializers.BudgetState(counted, many=True).data)


def _record(caller: Caller, pk: UUID) -> UsageRecord:
    rows = UsageRecord.objects.all()
    if not is_operator(caller, filters.SEE_ALL):
        rows = rows.visible_to(caller.user)
    record = rows.filter(pk=pk).first()
    if record is None:
        raise NotFound(_("There is no call %(id)s.") % {"id": pk})
    return record


def _budgets_of(caller: Caller) -> Any:
    """The installation's, the user's, the token's, and those of sessions that the user has used."""
    sessions = Rollup.objects.filter(user_id=caller.user.id).values("session_id")
    token_id = caller.token.id if caller.token else None
    return Budget.objects.filter(
        Q(scope=Scope.INSTALLATION)
        | Q(scope=Scope.USER, subject_id=caller.user.id)
        | Q(scope=Scope.TOKEN, subject_id=token_id)
        | Q(scope=Scope.SESSION, subject_id__in=sessions)
    ).order_by("scope", "subject_id", "limit_nano")
