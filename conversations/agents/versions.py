"""Versions of agents: published, put back in use, compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Max

from conversations.agents.models import SETTINGS, Agent, AgentSettings, AgentVersion
from rini.errors import Conflict, NotFound
from rini.translation import gettext as _


def publish(agent: Agent) -> None:
    """Have the draft used from now on, as a new version, unless it is the one in use. Within the
    transaction that holds the agent."""
    if agent.version and get(agent, agent.version).settings() == agent.settings():
        return
    last = agent.versions.aggregate(last=Max("number"))["last"] or 0
    made = agent.versions.create(number=last + 1, **agent.settings())
    _use(agent, made.number)


def roll_back(agent: Agent, number: int) -> None:
    """Have an earlier version used again; the draft stays as it is. Within the transaction that
    holds the agent. Raises `NotFound`."""
    _use(agent, get(agent, number).number)


def get(agent: Agent, number: int) -> AgentVersion:
    """Raises `NotFound`."""
    if found := agent.versions.filter(number=number).first():
        return found
    raise NotFound(
        _("Agent %(id)s has no version %(number)s.") % {"id": agent.pk, "number": number}
    )


def in_use(agent: Agent, number: int | None) -> AgentVersion:
    """The version of that number, else the one in use. Raises `NotFound`, and `Conflict` for an
    agent that was never published."""
    number = agent.version if number is None else number
    if number is None:
        raise Conflict(
            _("This agent has not been published: POST /agents/%(id)s/publish.") % {"id": agent.pk},
            code="agent_unpublished",
        )
    return get(agent, number)


def differences(before: AgentSettings, after: AgentSettings) -> list[Mapping[str, Any]]:
    """What differs: ``{field, before, after}`` for each setting, in their order."""
    return [
        {"field": name, "before": getattr(before, name), "after": getattr(after, name)}
        for name in SETTINGS
        if getattr(before, name) != getattr(after, name)
    ]


def _use(agent: Agent, number: int) -> None:
    agent.version = number
    agent.save(update_fields=["version", "updated_at"])
