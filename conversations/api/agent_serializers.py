"""Agents and their versions, as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.sharing.models import Access
from conversations.agents import variables
from conversations.agents.models import SETTINGS, Agent, AgentVersion
from conversations.api.fields import (
    TextField,
    VariablesField,
    check_chat_model,
    check_params,
)
from rini.errors import InvalidInput
from rini.translation import gettext as _
from rini.web.fields import ShortListField

MAX_PROMPT_CHARACTERS = 100_000
MAX_STEPS = 50


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """An agent as it is drafted. `version` is the one that answers: null until it is published.
    `variables` are the names that `{{…}}` in the system prompt may have, with the text of each that
    a request does not give; null: a request has to."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    fallbacks = ShortListField(
        child=serializers.CharField(max_length=251), required=False, max_length=10
    )
    system_prompt = TextField(required=False, allow_blank=True, max_length=MAX_PROMPT_CHARACTERS)
    variables = VariablesField(required=False, allow_missing=True)
    knowledge_base_ids = ShortListField(
        child=serializers.UUIDField(), required=False, max_length=100
    )
    mcp_connection_ids = ShortListField(
        child=serializers.UUIDField(), required=False, max_length=100
    )
    tools = ShortListField(
        child=serializers.RegexField(r"^[a-zA-Z0-9_-]{1,64}\Z"), required=False, max_length=100
    )
    max_steps = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_STEPS
    )
    max_output_tokens = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The most tokens of an answer, whatever a request asks for.",
    )
    llm_params = serializers.DictField(required=False)
    version = serializers.IntegerField(read_only=True, allow_null=True)
    owner_id = serializers.UUIDField(source="user_id", read_only=True)
    my_access = serializers.ChoiceField(
        choices=Access.choices,
        read_only=True,
        help_text="`read`: use it, see its versions. `write`: change and publish it too.",
    )

    class Meta:
        model = Agent
        fields = (
            *("id", "name", "description", *SETTINGS),
            *("version", "owner_id", "my_access", "created_at", "updated_at"),
        )

    def validate_model(self, model: str) -> str:
        check_chat_model(self, model)
        return model

    def validate_fallbacks(self, models: list[str]) -> list[str]:
        for model in models:
            try:
                check_chat_model(self, model)
            except InvalidInput as error:
                raise serializers.ValidationError(error.detail) from None
        return models

    def validate_llm_params(self, params: dict[str, Any]) -> dict[str, Any]:
        check_params(params)
        return params

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Every variable that the prompt names has to be declared, also where one of the two stays
        as it is."""
        former = self.instance or Agent()
        named = variables.named_in(attrs.get("system_prompt", former.system_prompt))
        declared = attrs.get("variables", former.variables)
        if missing := [name for name in named if name not in declared]:
            raise serializers.ValidationError(
                {
                    "variables": _("The system prompt names %(names)s, which is not here.")
                    % {"names": ", ".join(missing)}
                }
            )
        return attrs


class AgentVersionSerializer(serializers.ModelSerializer[AgentVersion]):
    """What an agent was set to when it was published."""

    variables = VariablesField(allow_missing=True, read_only=True)
    llm_params = serializers.DictField(read_only=True)

    class Meta:
        model = AgentVersion
        fields = ("number", *SETTINGS, "created_at")
        read_only_fields = fields


class RollbackRequest(serializers.Serializer[Any]):
    """The version that is to be used again."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class AgentChange(serializers.Serializer[Any]):
    """A setting that differs, with its values in both."""

    field = serializers.ChoiceField(SETTINGS)
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class AgentComparison(serializers.Serializer[Any]):
    """How two versions of an agent differ; `to` is null for the draft."""

    changes = AgentChange(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python's."""
        return {
            "from": serializers.IntegerField(),
            "to": serializers.IntegerField(allow_null=True),
            **super().get_fields(),
        }
