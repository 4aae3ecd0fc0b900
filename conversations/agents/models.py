"""Agents and their versions. What an agent is set to stands in the draft, which changes, and in
versions, which do not."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sharing.models import Share, SharedQuerySet


class Approval(models.TextChoices):
    """Which calls of tools wait until the user agrees, the least strict first."""

    NEVER = "never", _("never")
    CHANGING = "changing", _("of tools that change something")
    ALWAYS = "always", _("always")


class AgentQuerySet(SharedQuerySet["Agent"]):
    @classmethod
    def shares(cls) -> type[AgentShare]:
        return AgentShare


class AgentVersionQuerySet(models.QuerySet["AgentVersion"]):
    def visible_to(self, user: User) -> Self:
        """The versions of the agents that `user` may see."""
        return self.filter(agent__in=Agent.objects.visible_to(user).values("pk"))


class AgentSettings(models.Model):
    """How an agent answers."""

    model = models.CharField(
        _("model"),
        max_length=251,
        blank=True,
        help_text=_("provider/model. Empty: that of the session, or the usual one."),
    )
    fallbacks = ArrayField(
        models.CharField(max_length=251), verbose_name=_("fallbacks"), default=list, blank=True
    )
    system_prompt = models.TextField(_("system prompt"), blank=True)
    variables = models.JSONField(_("variables"), default=dict, blank=True)
    """``{"city": "서울", "name": null}``: what `system_prompt` may name, and the text that stands
    there if a request gives none; null: it must."""
    knowledge_base_ids = ArrayField(
        models.UUIDField(), verbose_name=_("knowledge bases"), default=list, blank=True
    )
    mcp_connection_ids = ArrayField(
        models.UUIDField(), verbose_name=_("connections"), default=list, blank=True
    )
    tools = ArrayField(
        models.CharField(max_length=64), verbose_name=_("tools"), default=list, blank=True
    )
    max_steps = models.PositiveSmallIntegerField(_("most steps"), null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(_("most tokens out"), null=True, blank=True)
    require_approval = models.CharField(
        _("approval"), max_length=8, choices=Approval.choices, null=True
    )
    llm_params = models.JSONField(_("parameters"), default=dict, blank=True)

    class Meta:
        abstract = True

    def settings(self) -> dict[str, Any]:
        """What the agent is set to, by the names of the columns."""
        return {name: getattr(self, name) for name in SETTINGS}


SETTINGS = tuple(field.attname for field in AgentSettings._meta.local_fields)


class Agent(AgentSettings):
    """An agent as its owner has it: the draft, and which version is in use."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="agents", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, max_length=10_000)
    version = models.PositiveIntegerField(
        _("version in use"), null=True, editable=False, help_text=_("Empty: never published.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = AgentQuerySet.as_manager()

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="agent_by_name")]
        indexes = [models.Index(fields=["user", "-created_at"], name="agent_newest")]

    def __str__(self) -> str:
        return self.name


class AgentVersion(AgentSettings):
    """What an agent was set to when it was published; never changed. `number` counts from 1."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = AgentVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("version of an agent")
        verbose_name_plural = _("versions of agents")
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="agent_version_once")
        ]

    def __str__(self) -> str:
        return str(self.number)


class AgentShare(Share):
    """Who else uses an agent (read), and changes it (write)."""

    thing = models.ForeignKey(Agent, models.CASCADE, related_name="shares", verbose_name=_("agent"))

    class Meta(Share.Meta):
        verbose_name = _("share of an agent")
        verbose_name_plural = _("shares of agents")
