"""What an agent brings into an answer. Sync; needs the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from accounts.models import User
from conversations.agents import drafts, variables, versions
from conversations.agents.models import Agent, AgentVersion, Approval
from conversations.answering.choice import Choice
from providers import demands
from rini.errors import InvalidInput
from rini.translation import gettext as _


def applied(user: User, choice: Choice) -> Choice:
    """`choice` with what the agent that it names is set to, where it says nothing itself.

    A request may be stricter than its agent, in what needs approval and how much may be done, but
    not less strict. Raises `NotFound` for an agent, or a version of it, that the user does not see,
    `Conflict` for one that was never published, and `InvalidInput` for variables that are wrong.
    """
    if choice.agent_id is None:
        _check_without_agent(choice)
        return choice
    agent = drafts.visible(user, UUID(choice.agent_id))
    return _of_version(versions.in_use(agent, choice.agent_version), choice)


def applied_again(user: User, choice: Choice, former: Choice) -> Choice:
    """`choice` for another answer in place of one that `former` chose: where it names no agent,
    with the same version and variables as that, if the user still sees the agent."""
    agent_id = former.agent_id
    if choice.agent_id is not None or agent_id is None:
        return applied(user, choice)
    if Agent.objects.visible_to(user).filter(pk=agent_id).exists():
        given = former.variables if choice.variables is None else choice.variables
        version = former.agent_version
        choice = replace(choice, agent_id=agent_id, agent_version=version, variables=given)
    return applied(user, choice)


def _check_without_agent(choice: Choice) -> None:
    alone = {"agent_version": choice.agent_version, "variables": choice.variables}
    for name, value in alone.items():
        if value is not None:
            raise InvalidInput(errors={name: [_("This needs an agent_id.")]})


def _of_version(version: AgentVersion, choice: Choice) -> Choice:
    prompt = variables.filled(version.system_prompt, version.variables, choice.variables or {})
    names_none = choice.model is None and choice.provider is None
    return replace(
        choice,
        model=version.model or None if names_none else choice.model,
        fallbacks=_first(choice.fallbacks, version.fallbacks),
        params=_limited({**version.llm_params, **choice.params}, version.max_output_tokens),
        knowledge_base_ids=_first(choice.knowledge_base_ids, _texts(version.knowledge_base_ids)),
        mcp_connection_ids=_first(choice.mcp_connection_ids, _texts(version.mcp_connection_ids)),
        tools=_first(choice.tools, version.tools),
        max_steps=_least(choice.max_steps, version.max_steps),
        require_approval=_stricter(choice.require_approval, version.require_approval),
        agent_version=version.number,
        system_prompt=prompt,
    )


def _first(asked: Any, usual: list[str]) -> Any:
    """What a request names, the empty list too; None where nobody names anything."""
    return (usual or None) if asked is None else asked


def _texts(ids: list[UUID]) -> list[str]:
    return [str(id_) for id_ in ids]


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _stricter(*approvals: str | None) -> str | None:
    order = Approval.values
    given = [approval for approval in approvals if approval is not None]
    return max(given, key=order.index, default=None)


def _limited(params: Mapping[str, Any], most: int | None) -> Mapping[str, Any]:
    """`params` with every limit of the answer's tokens that they have at `most`, or with one."""
    if most is None:
        return params
    asked = demands.output_limits(params) or {"max_tokens": most}
    return {**params, **{name: min(limit, most) for name, limit in asked.items()}}
