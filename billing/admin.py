"""What operators see of prices and the ledger, and the one thing to do: give a new price."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.models import Hold, Price, UsageRecord
from rini.money import dollars


class NeverChanged(admin.ModelAdmin[Any]):
    """Rows to look at."""

    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(NeverChanged):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class DollarsField(forms.DecimalField):
    """A rate as price lists print it, kept as integer nano-dollars."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_digits=18, decimal_places=9, **options)

    def clean(self, value: Any) -> Any:
        dollars = super().clean(value)
        return None if dollars is None else int(dollars.scaleb(9))


class PriceForm(forms.ModelForm[Price]):
    input_rate = DollarsField(label=_("input, $ per million tokens"))
    cached_input_rate = DollarsField(
        label=_("cached input, $"), required=False, help_text=_("Empty: as other input.")
    )
    cache_write_rate = DollarsField(
        label=_("cache write, $"), required=False, help_text=_("Empty: as other input.")
    )
    output_rate = DollarsField(label=_("output, $ per million tokens"))

    class Meta:
        model = Price
        fields = (
            *("provider", "model", "effective_from", "above_input_tokens"),
            *("input_rate", "cached_input_rate", "cache_write_rate", "output_rate"),
        )
        help_texts = {
            "provider": _("Its name in the API, as “openai”."),
            "model": _("Without the provider's name; “*” for every model that has no price."),
        }


@admin.register(Price)
class PriceAdmin(NeverChanged):
    """Prices are added and never edited: a new one takes the place of the old with its tiers."""

    form = PriceForm
    list_display = (
        *("provider", "model", "above_input_tokens", "effective_from"),
        *("input_dollars", "cached_dollars", "write_dollars", "output_dollars", "source"),
    )
    list_filter = ("provider", "source")
    search_fields = ("model",)
    ordering = ("provider", "model", "-effective_from", "above_input_tokens")

    @admin.display(description=_("input, $ per million"), ordering="input_rate")
    def input_dollars(self, price: Price) -> str | None:
        return dollars(price.input_rate)

    @admin.display(description=_("cached input"))
    def cached_dollars(self, price: Price) -> str | None:
        return dollars(price.cached_input_rate)

    @admin.display(description=_("cache write"))
    def write_dollars(self, price: Price) -> str | None:
        return dollars(price.cache_write_rate)

    @admin.display(description=_("output"), ordering="output_rate")
    def output_dollars(self, price: Price) -> str | None:
        return dollars(price.output_rate)


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnly):
    list_display = (
        *("created_at", "provider", "model", "purpose", "status"),
        *("input_tokens", "output_tokens", "cost", "usage_source", "user_id"),
    )
    list_filter = ("provider", "status", "purpose", "usage_source")
    search_fields = ("=user_id", "=session_id", "=request_id")
    ordering = ("-created_at", "-id")

    @admin.display(description=_("cost, $"), ordering="cost_nano")
    def cost(self, record: UsageRecord) -> str | None:
        return dollars(record.cost_nano)


@admin.register(Hold)
class HoldAdmin(ReadOnly):
    list_display = ("created_at", "provider", "model", "purpose", "user_id", "process_id")
    list_filter = ("provider", "purpose")
    ordering = ("-created_at",)
