"""The HTTP API of budgets for operators: everybody's, and the installation's."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import caller_in
from accounts.permissions import refuse_strangers
from billing import budgets, serializers
from billing.models import Budget
from rini.errors import Conflict
from rini.translation import gettext as _
from rini.translation import gettext_noop
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource


class ByOperator(BasePermission):
    """Who may do the same in the administration."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        permission = f"billing.{_ACTIONS.get(request.method or '', 'view')}_budget"
        refuse_strangers(caller_in(request), permission, _REFUSAL)
        return True


_REFUSAL = gettext_noop(
    "Only operators with the permission %(permission)s may do this with budgets, and only with an "
    "access token."
)
_ACTIONS = {"POST": "add", "PATCH": "change", "PUT": "change", "DELETE": "delete"}


class BudgetViewSet(Resource[Budget]):
    """Budgets of users, API tokens, sessions and the installation."""

    tags = ["usage"]
    permission_classes = [IsAuthenticated, ByOperator]
    serializer_class = serializers.BudgetState
    queryset = Budget.objects.none()
    default_limit = 100

    def get_queryset(self) -> QuerySet[Budget]:
        return Budget.objects.order_by("-created_at", "-id")

    @extend_schema(
        summary="List budgets",
        responses={200: serializers.BudgetState(many=True), **problems(400, 401, 403)},
    )
    def list(self, request: Request) -> Response:
        """Every budget, with what is left of it now."""
        return Response(_states(self.paginate_queryset(self.get_queryset()) or []))

    @extend_schema(
        summary="Show a budget",
        responses={200: serializers.BudgetState, **problems(401, 403, 404)},
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """A budget, with what is left of it now."""
        return Response(_states([self.get_object()])[0])

    @extend_schema(
        summary="Set a budget",
        request=serializers.NewBudget,
        responses={201: serializers.BudgetState, **problems(400, 401, 403, 409)},
    )
    def create(self, request: Request) -> Response:
        """Give a subject a budget; what it has spent in the present window counts."""
        terms = validated(serializers.NewBudget, request.data)
        return Response(_states([_put(Budget(**terms))])[0], 201)

    @extend_schema(
        summary="Change a budget",
        request=serializers.BudgetTerms,
        responses={200: serializers.BudgetState, **problems(400, 401, 403, 404, 409)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change limit, period, time zone or whether it is hard."""
        budget = self.get_object()
        terms = validated(serializers.BudgetTerms, request.data, instance=budget, partial=True)
        for name, value in terms.items():
            setattr(budget, name, value)
        return Response(_states([_put(budget)])[0])

    @extend_schema(summary="Delete a budget", responses={204: None, **problems(401, 403, 404)})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a budget away."""
        budgets.remove([self.get_object()])
        return Response(status=204)


def _put(budget: Budget) -> Budget:
    try:
        with transaction.atomic():
            return budgets.put(budget)
    except IntegrityError:
        raise Conflict(_("There is a budget for this period already: change that one.")) from None


def _states(found: list[Budget]) -> list[Any]:
    counted = budgets.standing(found, timezone.now())
    return list(serializers.BudgetState(counted, many=True).data)
