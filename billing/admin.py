"""What operators see of prices, budgets and the ledger, and what they do: new prices, refunds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts import security_log
from accounts.admin.links import user_column, user_link
from accounts.models import ApiToken, EventName, User
from accounts.throttles import account_of
from billing import budgets, corrections
from billing.counters import Counter
from billing.models import Budget, Hold, Price, Scope, UsageRecord
from billing.price_form import RATES, DollarsField, PriceForm
from rini.admin import ReadOnlyAdmin
from rini.asking_first import ask_first, note
from rini.money import dollars, shown
from rini.timezones import is_timezone


def _in_dollars(column: str, label: Any) -> Any:
    """A column of nano-dollars as people read it."""

    @admin.display(description=label, ordering=column)
    def amount(_admin: Any, row: Any) -> str | None:
        return shown(getattr(row, column))

    return amount


def _per_million(column: str, label: Any) -> Any:
    """A rate as people read it."""

    @admin.display(description=label, ordering=column)
    def rate(_admin: Any, row: Price) -> str | None:
        amount = shown(getattr(row, column))
        return None if amount is None else _("%(amount)s per million") % {"amount": amount}

    return rate


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    """Prices are added and never edited: a new one takes the place of the old with its tiers."""

    may = frozenset({"add"})
    show_full_result_count = False
    form = PriceForm
    list_display = (
        *("provider", "model", "service_tier", "above_input_tokens", "effective_from"),
        *("input_dollars", "cached_dollars", "write_dollars", "output_dollars", "source"),
    )
    list_filter = ("provider", "source", "service_tier")
    search_fields = ("model",)
    ordering = ("provider", "model", "-effective_from", "above_input_tokens")

    shown_rates = tuple(f"{name}_shown" for name in RATES)
    readonly_fields = (*shown_rates, "source", "created_at")

    input_dollars = _per_million("input_rate", _("input"))
    cached_dollars = _per_million("cached_input_rate", _("cached input"))
    write_dollars = _per_million("cache_write_rate", _("cache write"))
    output_dollars = _per_million("output_rate", _("output"))

    def get_fields(self, request: HttpRequest, obj: Price | None = None) -> Any:
        if obj is None:
            return PriceForm.Meta.fields
        described = [name for name in PriceForm.Meta.fields if name not in RATES]
        return [*described, *self.shown_rates, "source", "created_at"]


for _name in RATES:
    _label = getattr(Price._meta.get_field(_name), "verbose_name", _name)
    setattr(PriceAdmin, f"{_name}_shown", _per_million(_name, _label))


class FewPages(Paginator[Any]):
    """Counts no further than anybody turns pages: counting a million rows takes a second."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.per_page * 100].count())


class CostFilter(admin.SimpleListFilter):
    """The calls that need a price, and the rows that corrected others."""

    title = _("cost")
    parameter_name = "cost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("unknown", _("unknown price")), ("corrections", _("corrections"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "unknown":
                corrected = UsageRecord.objects.filter(corrects_id=OuterRef("id"))
                return queryset.filter(~Exists(corrected), cost_nano=None)
            case "corrections":
                return queryset.exclude(corrects_id=None)
        return queryset


class ProviderFilter(admin.SimpleListFilter):
    """The providers that have prices: to look which ones the ledger has would read all of it."""

    title = _("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Price.objects.order_by("provider").values_list("provider", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    show_full_result_count = False
    paginator = FewPages
    list_display = (
        *("created_at", "provider", "model", "purpose", "status"),
        *("input_tokens", "output_tokens", "cost", "usage_source", "who"),
    )
    list_filter = (CostFilter, ProviderFilter, "status", "usage_source")
    search_fields = ("request_id",)
    search_help_text = _("The id of a user, a session, a call or a request.")
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    actions = ("refund",)

    who = user_column()
    cost = _in_dollars("cost_nano", _("cost"))
    charged = _in_dollars("charged_nano", _("charged to budgets"))

    def get_fields(self, request: HttpRequest, obj: UsageRecord | None = None) -> Any:
        return _with_amounts(UsageRecord, cost_nano="cost", charged_nano="charged")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.action(description=_("Refund: correct the cost of these calls to 0"))
    def refund(self, request: HttpRequest, queryset: QuerySet[UsageRecord]) -> HttpResponse | None:
        calls = queryset.filter(corrects_id=None)
        rows = list(calls)
        costs = corrections.recorded_costs(rows)
        amount = shown(sum(cost or 0 for cost in costs))
        question = _("Refund %(count)s calls?") % {"count": len(rows)}
        facts = [_("%(amount)s goes back to those who paid.") % {"amount": amount}]
        if page := ask_first(request, calls, question, facts):
            return page
        made = corrections.refund(rows)
        details = {"calls": len(made), "ids": [str(row.corrects_id) for row in made[:20]]}
        security_log.record(EventName.CALLS_REFUNDED, actor_id=request.user.pk, details=details)
        refunded = {correction.corrects_id for correction in made}
        note(request, [row for row in rows if row.pk in refunded], _("Refunded."))
        self.message_user(
            request,
            _("%(count)s calls were refunded: %(amount)s.")
            % {"count": len(made), "amount": shown(-sum(row.cost_nano or 0 for row in made))},
        )
        return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the whole of an id: part of one would read the whole ledger."""
        if not search_term:
            return queryset, False
        try:
            wanted = UUID(search_term)
        except ValueError:
            return queryset.filter(request_id=search_term), False
        names = ("id", "user_id", "session_id", "corrects_id")
        return queryset.filter(Q(*((name, wanted) for name in names), _connector=Q.OR)), False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return super().get_actions(request) if request.user.is_superuser else {}


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    show_full_result_count = False
    list_display = ("created_at", "provider", "model", "purpose", "who", "amount")
    list_filter = ("provider", "purpose")
    ordering = ("-created_at",)

    who = user_column()
    amount = _in_dollars("amount_nano", _("held"))

    def get_fields(self, request: HttpRequest, obj: Hold | None = None) -> Any:
        return _with_amounts(Hold, amount_nano="amount")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)


def _with_amounts(model: Any, **amounts: str) -> list[str]:
    """The fields of a model's page, with amounts in the place of integers."""
    return [amounts.get(field.name, field.name) for field in model._meta.concrete_fields]


class BudgetForm(forms.ModelForm[Budget]):
    limit_nano = DollarsField(label=_("limit, $"))
    subject_id = forms.CharField(
        label=_("whose"),
        required=False,
        help_text=_(
            "A user's name, address or id; of an API token or a session its id; empty for the "
            "installation."
        ),
    )

    class Meta:
        model = Budget
        fields = ("scope", "subject_id", "limit_nano", "period", "timezone", "hard")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.limit_nano is not None:
            self.initial["limit_nano"] = dollars(self.instance.limit_nano)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        try:
            cleaned["subject_id"] = _subject(
                str(cleaned.get("scope")), str(cleaned.get("subject_id") or "").strip()
            )
        except forms.ValidationError as error:
            self.add_error("subject_id", error)
        return cleaned

    def clean_timezone(self) -> str:
        name = str(self.cleaned_data["timezone"])
        if not is_timezone(name):
            raise forms.ValidationError(_("This is not a time zone; “Asia/Seoul” is one."))
        return name


def _subject(scope: str, given: str) -> UUID | None:
    """Whose a budget is to be, by what an operator calls them. Raises ValidationError."""
    if scope == Scope.INSTALLATION or not given:
        return None
    if scope == Scope.USER and (
        user := account_of(given) or User.objects.filter(email__iexact=given).first()
    ):
        return user.pk
    try:
        identity = UUID(given)
    except ValueError:
        raise forms.ValidationError(_("There is nobody of that name.")) from None
    owners: dict[str, Any] = {Scope.USER: User, Scope.TOKEN: ApiToken}
    if scope in owners and not owners[scope].objects.filter(pk=identity).exists():
        raise forms.ValidationError(_("Nobody has this id."))
    return identity


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin[Budget]):
    form = BudgetForm
    list_display = ("scope", "whose", "limit", "period", "timezone", "hard", "spent", "left")
    list_filter = ("scope", "period", "hard")
    search_fields = ("=subject_id",)
    ordering = ("scope", "-created_at")

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        budgets.put(obj)

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        budgets.remove([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Budget]) -> None:
        budgets.remove(queryset)

    limit = _in_dollars("limit_nano", _("limit"))

    @admin.display(description=_("whose"))
    def whose(self, budget: Budget) -> str:
        is_users = budget.scope == Scope.USER
        return user_link(budget.subject_id) if is_users else str(budget.subject_id or "–")

    @admin.display(description=_("spent"))
    def spent(self, budget: Budget) -> str | None:
        return shown(_now(budget).spent)

    @admin.display(description=_("left"))
    def left(self, budget: Budget) -> str | None:
        return shown(_now(budget).remaining)


def _now(budget: Budget) -> Counter:
    return budgets.standing([budget], timezone.now())[0]
