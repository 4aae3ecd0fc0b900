"""Agents as their owners, and those with whom they are shared, make and change them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from conversations.agents.models import Agent
from knowledge import bases
from rini.errors import Conflict, Forbidden, NotFound
from rini.translation import gettext as _


def visible(user: User, agent_id: UUID) -> Agent:
    """An agent that the user may use. Raises `NotFound`."""
    if agent := Agent.objects.visible_to(user).filter(pk=agent_id).first():
        return agent
    raise NotFound(_("Agent %(id)s not found.") % {"id": agent_id})


def changeable(user: User, agent_id: UUID) -> Agent:
    """An agent that the user may change, within the caller's transaction: until its end nobody
    else does. Raises `NotFound`, and `Forbidden` for one that they may only use."""
    found = Agent.objects.changeable_by(user).filter(pk=agent_id)
    if agent := found.select_for_update(of=("self",)).first():
        return agent
    visible(user, agent_id)
    raise Forbidden(_("This agent is shared with you only to be used."))


def owned(user: User, agent_id: UUID) -> Agent:
    """An agent of the user's own. Raises `NotFound`, and `Forbidden` for one that is shared with
    them."""
    agent = visible(user, agent_id)
    if agent.user_id != user.pk:
        raise Forbidden(_("Only its owner deletes this agent."))
    return agent


@transaction.atomic
def create(user: User, fields: Mapping[str, Any]) -> Agent:
    """A new agent, which nobody can use until it is published.

    Raises `NotFound` for knowledge that the user does not see, and `Conflict` for a name that
    another of their agents has.
    """
    _check_bases(user, fields, ())
    with _one_of_the_name():
        return Agent.objects.create(user=user, **fields)


def change(user: User, agent: Agent, fields: Mapping[str, Any]) -> None:
    """Change an agent's name, or its draft; raises as `create`. Within the transaction that holds
    it (`changeable`)."""
    _check_bases(user, fields, agent.knowledge_base_ids)
    for name, value in fields.items():
        setattr(agent, name, value)
    with _one_of_the_name():
        agent.save()


def _check_bases(user: User, fields: Mapping[str, Any], former: Sequence[UUID]) -> None:
    """Whoever changes an agent adds bases that they see; those of somebody else may stay."""
    wanted: Sequence[UUID] = fields.get("knowledge_base_ids", ())
    bases.all_of(user, [base for base in wanted if base not in former])


@contextmanager
def _one_of_the_name() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise Conflict(
            _("Another agent of the same owner has this name."), code="agent_name_taken"
        ) from None
