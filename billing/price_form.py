"""The forms of prices: dollars as price lists print them, kept as integer nano-dollars."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing import priced_names
from billing.models import Price


class DollarsField(forms.DecimalField):
    """A rate as price lists print it, kept as integer nano-dollars."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_digits=18, decimal_places=9, **options)

    def clean(self, value: Any) -> Any:
        dollars = super().clean(value)
        return None if dollars is None else int(dollars.scaleb(9))


class OptionalDollarsField(DollarsField):
    def __init__(self, **options: Any) -> None:
        known = ("label", "help_text", "required")
        super().__init__(**{name: options[name] for name in known if name in options})


OPTIONAL_RATES = (
    *("cached_input_rate", "cache_write_rate", "cache_write_1h_rate", "input_audio_rate"),
    *("cached_audio_rate", "output_audio_rate", "input_image_rate", "output_image_rate"),
    "web_search_rate",
)


RATES = ("input_rate", "output_rate", *OPTIONAL_RATES)


class PriceForm(forms.ModelForm[Price]):
    input_rate = DollarsField(label=_("input, $ per million tokens"))
    output_rate = DollarsField(label=_("output, $ per million tokens"))

    class Meta:
        model = Price
        fields = (
            *("provider", "model", "service_tier", "effective_from", "above_input_tokens"),
            *("input_rate", "output_rate", *OPTIONAL_RATES),
        )
        field_classes = dict.fromkeys(OPTIONAL_RATES, OptionalDollarsField)
        help_texts = {
            "provider": _("Its name in the API, as “openai”."),
            "model": _("Without the provider's name; “*” for every model that has no price."),
            "effective_from": _(
                "To correct a wrong price give its own moment again, then run `manage.py rerate`."
            ),
            **dict.fromkeys(
                OPTIONAL_RATES, _("$ per million. Empty: as what it is part of costs.")
            ),
        }

    def clean_provider(self) -> str:
        provider: str = self.cleaned_data["provider"].strip()
        if wrong := priced_names.wrong_with(provider):
            raise forms.ValidationError(wrong)
        return provider
