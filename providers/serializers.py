"""What the API of providers takes and gives."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing import pricing
from billing.models import Price
from providers.models import ApiKey, Model, ModelKind
from providers.naming import find_provider
from rini.errors import InvalidInput
from rini.money import dollars
from rini.secrets.secret import Secret
from rini.translation import gettext as _
from rini.web.fields import ShortListField


class KeyValue(serializers.CharField):
    """A vendor's key, as a `Secret`. What no HTTP header can carry is refused, not repeated."""

    default_error_messages = {
        "unprintable": gettext_lazy(
            "A key has no spaces, line breaks or letters beyond ASCII: copy it again."
        )
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=4096, write_only=True, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        text = super().run_validation(data)
        if not (text.isascii() and text.isprintable() and " " not in text):
            self.fail("unprintable")
        return Secret(text)


class ProviderName(serializers.CharField):
    """A provider's name in the API, as its row."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=50, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        try:
            return find_provider(super().run_validation(data))
        except InvalidInput as error:
            raise serializers.ValidationError(error.detail) from None


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    """A stored key; its value is in no answer."""

    model_provider = serializers.CharField(source="provider_id", read_only=True)

    class Meta:
        model = ApiKey
        fields = (
            *("id", "user_id", "model_provider", "description", "last4"),
            *("created_at", "updated_at", "last_used_at"),
        )
        read_only_fields = fields


class NewKey(serializers.Serializer[Any]):
    model_provider = ProviderName(help_text="`openai`, `anthropic`, `google`, `zhipu` …")
    api_key_value = KeyValue()
    description = serializers.CharField(max_length=200, allow_blank=True, default="")


class KeyChange(serializers.Serializer[ApiKey]):
    """The changes of the key that is the serializer's `instance`: what is left out stays."""

    model_provider = serializers.CharField(required=False, help_text="As it is, if given.")
    api_key_value = KeyValue(required=False)
    description = serializers.CharField(max_length=200, allow_blank=True, required=False)

    def validate_model_provider(self, slug: str) -> str:
        if self.instance is not None and slug != self.instance.provider_id:
            raise serializers.ValidationError(
                _("A key stays with its provider. Delete this one and add one for the other.")
            )
        return slug


class Verification(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    reason = serializers.CharField(required=False, help_text="Why it is not valid.")
    code = serializers.CharField(required=False, help_text="`provider_key_invalid` …")


class EmbeddingText(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class EmbeddingInputs(ShortListField):
    """A text, or a list of texts; always read as a list."""

    def __init__(self, **options: Any) -> None:
        text = EmbeddingText(trim_whitespace=False, max_length=settings.MAX_TEXT_CHARACTERS)
        super().__init__(
            child=text, allow_empty=False, max_length=settings.MAX_EMBEDDING_INPUTS, **options
        )

    def to_internal_value(self, data: Any) -> list[Any]:
        return super().to_internal_value([data] if isinstance(data, str) else data)


class EmbeddingRequest(serializers.Serializer[Any]):
    input = EmbeddingInputs(help_text="Texts, or one text.")
    provider = serializers.CharField(required=False, max_length=50)
    model = serializers.CharField(
        required=False,
        max_length=251,
        help_text="Left out: the provider's usual one; without a provider one that you have a key "
        "for.",
    )
    input_type = serializers.ChoiceField(
        choices=["query", "passage"],
        required=False,
        help_text="What the texts are for: to search with, or to be searched. Models that were "
        "trained for it give them different vectors; the others ignore it.",
    )


class EmbeddingVector(serializers.Serializer[Any]):
    embedding = serializers.ListField(child=serializers.FloatField())
    index = serializers.IntegerField()


class EmbeddingUsage(serializers.Serializer[Any]):
    prompt_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()


class EmbeddingAnswer(serializers.Serializer[Any]):
    data = EmbeddingVector(many=True)  # type: ignore[assignment]  # DRF keeps fields off the class
    model = serializers.CharField()
    usage = EmbeddingUsage()


class RatesSerializer(serializers.Serializer[Any]):
    """US dollars per million tokens, as decimal texts of nine places."""

    input = serializers.CharField()
    cached_input = serializers.CharField(allow_null=True)
    cache_write = serializers.CharField(allow_null=True)
    output = serializers.CharField()


class TierSerializer(RatesSerializer):
    above_input_tokens = serializers.IntegerField()


class PricesSerializer(RatesSerializer):
    tiers = TierSerializer(many=True, help_text="What calls with more input tokens cost.")


class ModelSerializer(serializers.ModelSerializer[Model]):
    """A model that the caller can use. `id` names it wherever a model is asked for."""

    id = serializers.CharField(source="__str__", read_only=True, help_text="`provider/model`")
    provider = serializers.CharField(source="provider_id", read_only=True)
    kind = serializers.ChoiceField(choices=ModelKind.choices, read_only=True)
    prices = serializers.SerializerMethodField(help_text="Null: unknown.")

    class Meta:
        model = Model
        fields = (
            *("id", "provider", "kind", "context_window", "max_output_tokens", "dimensions"),
            *("vision", "tools", "prices"),
        )
        read_only_fields = fields

    @extend_schema_field(PricesSerializer(allow_null=True))
    def get_prices(self, model: Model) -> dict[str, Any] | None:
        rows = pricing.prices_of(model.provider_id, model.name, timezone.now())
        if not rows:
            return None
        first, *tiers = rows
        told = [{"above_input_tokens": row.above_input_tokens, **_rates(row)} for row in tiers]
        return {**_rates(first), "tiers": told}


def _rates(row: Price) -> dict[str, str | None]:
    return {
        "input": dollars(row.input_rate),
        "cached_input": dollars(row.cached_input_rate),
        "cache_write": dollars(row.cache_write_rate),
        "output": dollars(row.output_rate),
    }
