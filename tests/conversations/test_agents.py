"""Agents through the API: drafted, published, rolled back, compared, shared."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from conversations.agents.models import AgentVersion
from tests.conftest import User
from tests.knowledge.test_knowledge_bases import new_base

PROMPT = "너는 {{도시}}의 안내원이다. 请用{{ language }}回答。"
VARIABLES = {"도시": None, "language": "日本語"}


def new_agent(user: User, *, publish: bool = True, **body: Any) -> str:
    """The id of an agent of `user`'s, of the played model."""
    answer = user.post("/agents/", json={"name": "안내원", "model": "local/played", **body})
    assert answer.status_code == 201, answer.text
    agent_id: str = answer.json()["id"]
    if publish:
        user.post(f"/agents/{agent_id}/publish").raise_for_status()
    return agent_id


def changed(user: User, agent: str, **body: Any) -> dict[str, Any]:
    answer = user.patch(f"/agents/{agent}", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def published(user: User, agent: str) -> int | None:
    answer = user.post(f"/agents/{agent}/publish")
    assert answer.status_code == 200, answer.text
    version: int | None = answer.json()["version"]
    return version


def test_an_agent_keeps_what_it_is_given(alice: User) -> None:
    base, connection = new_base(alice, embedding_model=""), str(uuid4())
    body: dict[str, Any] = {
        "name": "안내원",
        "description": "旅の案内",
        "model": "demo/demo",
        "fallbacks": ["local/played"],
        "system_prompt": PROMPT,
        "variables": VARIABLES,
        "knowledge_base_ids": [base],
        "mcp_connection_ids": [connection],
        "tools": ["current_time"],
        "max_steps": 5,
        "max_output_tokens": 300,
        "require_approval": "changing",
        "llm_params": {"temperature": 0.2},
    }
    made = alice.post("/agents/", json=body)
    assert made.status_code == 201, made.text
    agent = made.json()
    assert {name: agent[name] for name in body} == body
    assert (agent["version"], agent["my_access"]) == (None, "write")
    assert agent["owner_id"] == alice.user_id
    assert alice.get(f"/agents/{agent['id']}").json() == agent
    assert alice.get("/agents/").json() == [agent]
    assert alice.delete(f"/agents/{agent['id']}").status_code == 204
    assert alice.get(f"/agents/{agent['id']}").status_code == 404
    assert not AgentVersion.objects.exists()


def test_a_change_is_used_when_it_is_published(alice: User) -> None:
    agent = new_agent(alice, system_prompt="하나")
    assert changed(alice, agent, system_prompt="둘")["version"] == 1
    assert published(alice, agent) == 2
    assert published(alice, agent) == 2
    shown = alice.get(f"/agents/{agent}/versions/").json()
    assert [(one["number"], one["system_prompt"]) for one in shown] == [(2, "둘"), (1, "하나")]


def test_an_earlier_version_can_be_used_again(alice: User) -> None:
    agent = new_agent(alice, max_steps=1)
    changed(alice, agent, max_steps=2)
    published(alice, agent)
    rolled = alice.post(f"/agents/{agent}/rollback", json={"version": 1}).json()
    assert (rolled["version"], rolled["max_steps"]) == (1, 2)
    assert published(alice, agent) == 3
    unknown = alice.post(f"/agents/{agent}/rollback", json={"version": 9})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


def test_two_versions_are_compared(alice: User) -> None:
    agent = new_agent(alice, system_prompt="하나", max_steps=4)
    changed(alice, agent, system_prompt="二", max_steps=None)
    told = alice.get(f"/agents/{agent}/compare").json()
    changes = [
        {"field": "system_prompt", "before": "하나", "after": "二"},
        {"field": "max_steps", "before": 4, "after": None},
    ]
    assert told == {"from": 1, "to": None, "changes": changes}
    published(alice, agent)
    told = alice.get(f"/agents/{agent}/compare", params={"from": 1, "to": 2}).json()
    assert told == {"from": 1, "to": 2, "changes": changes}
    assert alice.get(f"/agents/{agent}/compare").json()["changes"] == []
    assert alice.get(f"/agents/{agent}/compare", params={"to": 7}).status_code == 404


def test_knowledge_is_compared_too(alice: User) -> None:
    base = new_base(alice, embedding_model="")
    agent = new_agent(alice)
    changed(alice, agent, knowledge_base_ids=[base])
    [change] = alice.get(f"/agents/{agent}/compare").json()["changes"]
    assert change == {"field": "knowledge_base_ids", "before": [], "after": [base]}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"model": "demo/nichts"}, "model"),
    ({"model": "offline/multilingual-e5-small"}, "model"),
    ({"fallbacks": ["demo/nichts"]}, "fallbacks"),
    ({"system_prompt": "{{아무도}}"}, "variables"),
    ({"variables": {"두 말": "x"}}, "variables"),
    ({"variables": {"a": 5}}, "variables.a"),
    ({"variables": {f"a{n}": "" for n in range(51)}}, "variables"),
    ({"tools": ["두 말"]}, "tools.0"),
    ({"max_steps": 0}, "max_steps"),
    ({"require_approval": "sometimes"}, "require_approval"),
    ({"llm_params": {"api_key": "sk"}}, "llm_params"),
    ({"promt": "x"}, "promt"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=str)
def test_what_no_agent_can_be_is_refused_by_its_name(
    alice: User, body: dict[str, Any], field: str
) -> None:
    answer = alice.post("/agents/", json={"name": "안내원", "model": "demo/demo", **body})
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["errors"], answer.text


def test_a_variable_that_the_prompt_names_cannot_be_taken_away(alice: User) -> None:
    agent = new_agent(alice, system_prompt=PROMPT, variables=VARIABLES)
    refused = alice.patch(f"/agents/{agent}", json={"variables": {"language": "中文"}})
    assert refused.status_code == 400
    assert "도시" in refused.json()["errors"]["variables"][0]
    changed(alice, agent, system_prompt="끝", variables={})


def test_two_agents_of_one_owner_have_two_names(alice: User, bob: User) -> None:
    new_agent(alice)
    taken = alice.post("/agents/", json={"name": "안내원"})
    assert (taken.status_code, taken.json()["code"]) == (409, "agent_name_taken")
    other = new_agent(alice, name="비서")
    taken = alice.patch(f"/agents/{other}", json={"name": "안내원"})
    assert (taken.status_code, taken.json()["code"]) == (409, "agent_name_taken")
    new_agent(bob)


def test_who_changes_an_agent_adds_only_knowledge_that_they_see(alice: User, bob: User) -> None:
    hers, his = (new_base(user, embedding_model="") for user in (alice, bob))
    agent = new_agent(alice, knowledge_base_ids=[hers])
    share = {"user_id": bob.user_id, "access": "write"}
    alice.put(f"/shares/agents/{agent}/", json=share).raise_for_status()
    both = changed(bob, agent, knowledge_base_ids=[hers, his])["knowledge_base_ids"]
    assert both == [hers, his]
    third = new_base(alice, embedding_model="")
    refused = bob.patch(f"/agents/{agent}", json={"knowledge_base_ids": [third]})
    assert refused.status_code == 404
    assert third in refused.json()["detail"]
    assert alice.get(f"/agents/{agent}").json()["knowledge_base_ids"] == both
