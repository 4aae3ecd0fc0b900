"""What the API of usage and budgets takes and gives. Money is dollars as text, with nine places."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from billing.models import Budget, Period, Scope, UsageRecord
from billing.pricing import Line
from billing.reports import Sums
from rini.money import dollars
from rini.timezones import is_timezone
from rini.translation import gettext as _

MOST = Decimal(10) ** 9


class Dollars(serializers.CharField):
    """Nano-dollars, shown as ``"0.000123456"``; null where they are not known."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Any) -> Any:
        return dollars(value)


class RecordSerializer(serializers.ModelSerializer[UsageRecord]):
    """A row of the ledger."""

    usage = serializers.SerializerMethodField()
    cost = Dollars(source="cost_nano", allow_null=True)

    class Meta:
        model = UsageRecord
        fields: tuple[str, ...] = (
            *("id", "created_at", "request_id", "user_id", "token_id", "session_id", "message_id"),
            *("purpose", "provider", "model", "model_answered", "service_tier", "usage"),
            *("usage_source", "cost", "price_id", "status", "time_to_first_token_ms"),
            *("duration_ms", "corrects_id", "recorded_at"),
        )

    def get_usage(self, record: UsageRecord) -> dict[str, int]:
        return record.usage.as_dict()


@extend_schema_serializer(many=False)
class Page(serializers.Serializer[Any]):
    results = RecordSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class LineItem(serializers.Serializer[tuple[Line, int]]):
    item = serializers.CharField(help_text="As `cached input`.")
    quantity = serializers.IntegerField()
    per_million = serializers.CharField()
    cost = serializers.CharField(help_text="The items' costs add up to the row's.")

    def to_representation(self, instance: tuple[Line, int]) -> dict[str, Any]:
        line, share = instance
        return {
            "item": line.item,
            "quantity": line.quantity,
            "per_million": dollars(line.rate),
            "cost": dollars(share),
        }


class Explanation(RecordSerializer):
    """A row with what its cost is made of, and with what was corrected later."""

    lines = LineItem(many=True)
    corrections = RecordSerializer(many=True)
    corrected_cost = serializers.CharField(
        allow_null=True, help_text="The cost with all corrections."
    )

    class Meta(RecordSerializer.Meta):
        fields = (*RecordSerializer.Meta.fields, "lines", "corrections", "corrected_cost")


def sums_as_json(sums: Sums) -> dict[str, Any]:
    """`GroupSums` of one group. There may be ten thousand, and a serializer takes a second then."""
    shown = sums._asdict()
    return shown | {"cost": dollars(shown.pop("cost_nano"))}


class GroupSums(serializers.Serializer[Sums]):
    group = serializers.CharField(allow_null=True)
    calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = Dollars(source="cost_nano", help_text="Without the calls whose price is unknown.")
    unpriced_calls = serializers.IntegerField(help_text="Calls whose cost is not known.")


class Summary(serializers.Serializer[Any]):
    group_by = serializers.CharField()
    timezone = serializers.CharField()
    results = GroupSums(many=True)
    total = GroupSums()


class ModelEstimate(serializers.Serializer[Any]):
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    estimated_cost = serializers.FloatField()


class CostEstimation(serializers.Serializer[Any]):
    total_estimated_cost = serializers.FloatField()
    currency = serializers.CharField()
    start_date = serializers.CharField(allow_null=True)
    end_date = serializers.CharField(allow_null=True)
    details = serializers.DictField(child=ModelEstimate())


class BudgetState(serializers.Serializer[Any]):
    """A budget in its present window: a `billing.counters.Counter`."""

    id = serializers.UUIDField(source="budget.id")
    scope = serializers.ChoiceField(Scope.choices, source="budget.scope")
    subject_id = serializers.UUIDField(source="budget.subject_id", allow_null=True)
    limit = Dollars(source="budget.limit_nano")
    period = serializers.ChoiceField(Period.choices, source="budget.period")
    timezone = serializers.CharField(source="budget.timezone")
    hard = serializers.BooleanField(source="budget.hard")
    spent = Dollars()
    held = Dollars(help_text="The most that the calls under way may cost.")
    remaining = Dollars()
    resets_at = serializers.DateTimeField(source="window.ends_at", allow_null=True)


class BudgetTerms(serializers.Serializer[Budget]):
    """A budget as a caller gives it: ``{limit: "5.00", period, timezone?, hard?}``."""

    limit = serializers.DecimalField(
        max_digits=18, decimal_places=9, min_value=Decimal(0), max_value=MOST, source="limit_nano"
    )
    period = serializers.ChoiceField(Period.choices)
    timezone = serializers.CharField(max_length=64, default="UTC")
    hard = serializers.BooleanField(default=True)

    def validate_limit(self, limit: Decimal) -> int:
        return int(limit.scaleb(9))

    def validate_timezone(self, name: str) -> str:
        if not is_timezone(name):
            raise serializers.ValidationError(
                _("%(name)r is not a time zone; “Asia/Seoul” is one.") % {"name": name}
            )
        return name

    def to_representation(self, instance: Budget) -> dict[str, Any]:
        return {
            "limit": dollars(instance.limit_nano),
            "period": instance.period,
            "timezone": instance.timezone,
            "hard": instance.hard,
        }


class NewBudget(BudgetTerms):
    """A budget of any subject, as operators give it."""

    scope = serializers.ChoiceField(Scope.choices)
    subject_id = serializers.UUIDField(allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["scope"] == Scope.INSTALLATION) != (attrs["subject_id"] is None):
            raise serializers.ValidationError(
                {"subject_id": [_("Say whose budget it is; leave it out for the installation's.")]}
            )
        return attrs
