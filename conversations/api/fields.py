"""Fields of conversations in bodies and answers, and what is checked of a model and its params."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.authentication import caller_in
from conversations.agents import variables
from conversations.models import MemoryMode
from providers import bounds, demands
from providers.models import ModelKind
from providers.naming import find_model
from rini.errors import InvalidInput
from rini.translation import gettext as _

MAX_VARIABLES, MAX_VARIABLE_CHARACTERS = 50, 10_000
_NO_PARAMETERS = frozenset(
    ("model", "messages", "stream", "stream_options", "n", "api_base", "base_url", "api_key")
)


class MemoryModeField(serializers.ChoiceField):
    """``AUTO``, ``EXPLICIT`` or ``DISABLED``, read in any case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=MemoryMode.choices, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.upper() if isinstance(data, str) else data)


class TextField(serializers.CharField):
    """A text of a conversation: kept as it is written, blanks at its ends too."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        kwargs.setdefault("max_length", settings.MAX_TEXT_CHARACTERS)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("Give a text."))
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not data.strip() and not self.allow_blank:
            raise serializers.ValidationError(_("This text is empty."))
        if isinstance(data, str) and self.max_length and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)  # DRF looks at each character first
        return super().run_validation(data)


class VariablesField(serializers.DictField):
    """Texts by the names of variables; null, where that is allowed, for one without a text."""

    def __init__(self, *, allow_missing: bool = False, **kwargs: Any) -> None:
        text = TextField(
            allow_blank=True, allow_null=allow_missing, max_length=MAX_VARIABLE_CHARACTERS
        )
        super().__init__(child=text, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict) and len(data) > MAX_VARIABLES:
            raise serializers.ValidationError(
                _("Give at most %(most)s variables.") % {"most": MAX_VARIABLES}
            )
        found: dict[str, Any] = super().to_internal_value(data)
        if wrong := next((name for name in found if not variables.is_name(name)), None):
            raise serializers.ValidationError(
                _(
                    "“%(name)s” is no name of a variable: at most 64 letters, digits and "
                    "underscores."
                )
                % {"name": wrong[:100]}
            )
        return found


class MessageIdField(serializers.IntegerField):
    """The id of a message, or something that could be one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **kwargs)


def check_chat_model(reader: serializers.BaseSerializer[Any], model: str) -> None:
    """Refuse a name that means no chat model to the caller of `reader`'s request. Raises
    `InvalidInput` and `ValidationError`."""
    if model:
        found = find_model(caller_in(reader.context["request"]), None, model, ModelKind.CHAT)
        if found.kind != ModelKind.CHAT:
            raise serializers.ValidationError(
                _("%(model)s is not a chat model.") % {"model": found}
            )


def check_params(params: dict[str, Any]) -> None:
    """Parameters are the model's: they neither repeat the request nor choose where it goes. Raises
    `ValidationError` and `InvalidInput`."""
    if taken := sorted(_NO_PARAMETERS & params.keys()):
        raise serializers.ValidationError(
            _(
                "%(names)s: not a parameter of a model. Use the request's own fields, and "
                "/api-keys/ for a key; a provider's address is set by the operator."
            )
            % {"names": ", ".join(taken)}
        )
    demands.check(params)
    try:
        bounds.check_params(params)
    except InvalidInput as error:
        raise serializers.ValidationError(error.errors) from None
