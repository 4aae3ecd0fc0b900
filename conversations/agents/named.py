"""Agents as models, ``agent/<name>``, for clients that know nothing but models
(`providers.stand_ins`).

What is asked comes whole with each request, and nothing is stored. `variables` and `agent_version`
may stand among the request's parameters, and go no further.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from accounts.authentication import Caller
from accounts.models import User
from billing.holds import Payer
from billing.purposes import Purpose
from conversations.agents import using
from conversations.agents.models import Agent
from conversations.answering import passages, prompt
from conversations.answering.choice import Choice
from providers import catalogue, fallbacks, gateway
from providers.catalogue import Route
from providers.fallbacks import Attempts
from providers.naming import invalid
from providers.stand_ins import StandIn
from providers.types import ChatMessage, ChatRequest
from rini.errors import InvalidInput, NotFound
from rini.storage.database import in_database
from rini.translation import gettext as _


async def call(caller: Caller, name: str, request: ChatRequest) -> Attempts:
    """The calls of an agent's model, with what its knowledge says to the question.

    Raises as `using.applied` and `catalogue.resolve`, and `InvalidInput` for an agent with tools.
    """
    gateway.check_size(request)
    choice, route = await in_database(_resolved, caller, name, request)
    messages = await _with_passages(caller, choice, route, request.messages)
    told = ChatRequest(prompt.instructed(messages, choice.system_prompt), choice.params)
    return fallbacks.attempts(route.targets, told, Payer.of(caller, Purpose.CHAT))


def names(caller: Caller) -> Sequence[str]:
    """The published agents that the caller sees, by their names, or by their ids where one of the
    caller's own, or several of others, have the name."""
    agents = list(Agent.objects.visible_to(caller.user).exclude(version=None).order_by("name"))
    count = Counter(agent.name for agent in agents)
    return [
        agent.name if agent.user_id == caller.user.pk or count[agent.name] == 1 else str(agent.pk)
        for agent in agents
    ]


def find(caller: Caller, name: str) -> str:
    """The name of an agent that was published, as it was given. Raises `NotFound`."""
    if _agent(caller.user, name).version is None:
        raise _not_found(name)
    return name


STAND_IN = StandIn("agent", call, names, find)


def _resolved(caller: Caller, name: str, request: ChatRequest) -> tuple[Choice, Route]:
    params = dict(request.params)
    asked = Choice(
        params=params,
        agent_id=str(_agent(caller.user, name).pk),
        agent_version=_number(params.pop("agent_version", None)),
        variables=_texts(params.pop("variables", None)),
    )
    choice = using.applied(caller.user, asked)
    if choice.tools or choice.mcp_connection_ids:
        raise invalid(
            "model",
            "agent_with_tools",
            _("This agent calls tools: ask it at POST /llm/text-completion/."),
        )
    found = catalogue.resolve(caller, provider=None, model=choice.model, fallbacks=choice.fallbacks)
    return choice, found


def _agent(user: User, name: str) -> Agent:
    """The agent of that id or name: the user's own before those that are shared with them. Raises
    `NotFound`, and `InvalidInput` where several others' have the name."""
    visible = Agent.objects.visible_to(user)
    with suppress(ValueError):
        if agent := visible.filter(pk=UUID(name)).first():
            return agent
    found = list(visible.filter(name=name))
    own = [agent for agent in found if agent.user_id == user.pk]
    match own or found:
        case []:
            raise _not_found(name)
        case [agent]:
            return agent
        case several:
            ids = ", ".join(f"agent/{agent.pk}" for agent in several)
            message = _("Several agents have the name “%(name)s”. Name one by its id: %(ids)s.")
            raise invalid("model", "model_ambiguous", message % {"name": name[:100], "ids": ids})


def _not_found(name: str) -> NotFound:
    return NotFound(
        _("There is no model “%(name)s” for you.") % {"name": f"agent/{name[:100]}"},
        code="model_not_found",
    )


def _number(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InvalidInput(errors={"agent_version": [_("Give a number.")]})


def _texts(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidInput(errors={"variables": [_("Give an object.")]})
    for name, text in value.items():
        if not isinstance(text, str):
            raise InvalidInput(errors={f"variables.{name}": [_("Give a text.")]})
    return value


async def _with_passages(
    caller: Caller, choice: Choice, route: Route, messages: Sequence[ChatMessage]
) -> Sequence[ChatMessage]:
    """`messages` with the passages before the last question, if the agent has knowledge."""
    ids = [UUID(id_) for id_ in choice.knowledge_base_ids or ()]
    asked = [at for at, message in enumerate(messages) if message.get("role") == "user"]
    if not ids or not asked:
        return messages
    questions = [_text_of(messages[at].get("content")) for at in asked]
    found = await passages.found(caller, ids, questions, window=route.context_window)
    question = messages[asked[-1]]
    told = {**question, "content": prompt.after(found.told, question.get("content") or "")}
    return [*messages[: asked[-1]], told, *messages[asked[-1] + 1 :]]


def _text_of(content: Any) -> str:
    """The text of a message, whose content may be in parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))
