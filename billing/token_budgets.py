"""The field ``budget`` of API tokens: a budget of scope `token`, as a `TokenLimit`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts.models import ApiToken
from billing import budgets
from billing.models import Budget, Scope
from billing.serializers import BudgetTerms
from rini.translation import gettext as _


class WholeTerms(BudgetTerms):
    """All of it, also where the token itself is changed in part only."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name, key in _NEEDED.items() if key not in attrs]
        if missing:
            raise serializers.ValidationError(
                {name: [_("This field is required.")] for name in missing}
            )
        return attrs


class TokenBudget:
    """`accounts.token_limits.TokenLimit`. Setting it replaces the token's budgets."""

    def field(self, *, source: str) -> serializers.Field[Any, Any, Any, Any]:
        return WholeTerms(required=False, allow_null=True, source=source)

    def set(self, token: ApiToken, value: Mapping[str, Any] | None) -> None:
        budget = Budget(scope=Scope.TOKEN, subject_id=token.pk, **value) if value else None
        budgets.replace(Scope.TOKEN, token.pk, budget)

    def of(self, token_ids: Collection[UUID]) -> Mapping[UUID, Any]:
        rows = Budget.objects.filter(scope=Scope.TOKEN, subject_id__in=token_ids)
        return {row.subject_id: row for row in rows if row.subject_id}


_NEEDED = {"limit": "limit_nano", "period": "period"}


def forget(instance: Any, **_: Any) -> None:
    """A signal's receiver: budgets of a user or a token that was deleted go too."""
    budgets.remove(Budget.objects.filter(subject_id=instance.pk))
