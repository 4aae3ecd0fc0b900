"""Agents as models of OpenAI's API, asked with the official client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.conftest import User
from tests.conversations.conftest import eventually, stored
from tests.conversations.test_agents import PROMPT, VARIABLES, changed, new_agent, published
from tests.dialects.openai_client import ASK, client_of
from tests.knowledge.test_knowledge_bases import filled
from tests.vendors.script import Script
from tests.vendors.stage import Stage

__all__ = ["filled"]


def asked(stage: Stage, number: int = 1) -> dict[str, Any]:
    body: dict[str, Any] = stage.wait_for_call(number, model="played").body
    return body


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_answers_as_a_model(alice: User, stage: Stage, stream: bool) -> None:
    new_agent(
        alice,
        system_prompt=PROMPT,
        variables=VARIABLES,
        llm_params={"temperature": 0.2, "top_p": 0.5},
    )
    stage.next(Script(pieces=["경복궁", "으로"]))
    with client_of(alice) as client:
        answer: Any = client.chat.completions.create(
            model="agent/안내원",
            messages=[{"role": "system", "content": "短く。"}, *ASK],
            temperature=1.0,
            stream=stream,
            extra_body={"variables": {"도시": "서울"}},
        )
        if stream:
            pieces = [chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices]
            assert "".join(pieces) == "경복궁으로"
        else:
            assert answer.choices[0].message.content == "경복궁으로"
    told = asked(stage)
    assert [message["content"] for message in told["messages"]] == [
        "너는 서울의 안내원이다. 请用日本語回答。",
        "短く。",
        ASK[0]["content"],
    ]
    assert (told["temperature"], told["top_p"]) == (1.0, 0.5)
    assert not {"variables", "agent_version"} & told.keys()
    eventually(lambda: stored() == (0, 0, 0, 1))


def test_a_version_is_asked_by_its_number(alice: User, stage: Stage) -> None:
    agent = new_agent(alice, system_prompt="하나")
    changed(alice, agent, system_prompt="둘")
    published(alice, agent)
    with client_of(alice) as client:
        for version in ({}, {"agent_version": 1}):
            client.chat.completions.create(
                model=f"agent/{agent}", messages=ASK, extra_body=dict(version)
            )
    assert [asked(stage, n)["messages"][0]["content"] for n in (1, 2)] == ["둘", "하나"]


def test_its_knowledge_stands_before_the_last_question(
    alice: User, filled: str, stage: Stage
) -> None:
    new_agent(alice, knowledge_base_ids=[filled])
    parts = [{"type": "text", "text": "연차는 며칠인가요?"}]
    earlier: list[Any] = [
        {"role": "user", "content": "안녕"},
        {"role": "assistant", "content": "네"},
    ]
    with client_of(alice) as client:
        messages: Any = [*earlier, {"role": "user", "content": parts}]
        client.chat.completions.create(model="agent/안내원", messages=messages)
    *before, question = asked(stage)["messages"]
    assert before == earlier
    assert "연차 휴가는 일 년에 십오 일입니다." in question["content"][0]["text"]
    assert question["content"][1:] == parts


def test_models_are_listed_with_the_agents_that_are_published(alice: User, bob: User) -> None:
    hers = new_agent(alice)
    new_agent(alice, name="초안", publish=False)
    with client_of(bob) as client:
        assert not any(model.owned_by == "agent" for model in client.models.list())
        alice.put(f"/shares/agents/{hers}/", json={"user_id": bob.user_id}).raise_for_status()
        listed = [model.id for model in client.models.list() if model.owned_by == "agent"]
        assert listed == ["agent/안내원"]
        assert client.models.retrieve("agent/안내원").id == "agent/안내원"
        new_agent(bob)
        listed = [model.id for model in client.models.list() if model.owned_by == "agent"]
        assert sorted(listed) == sorted([f"agent/{hers}", "agent/안내원"])
    with client_of(alice) as client, pytest.raises(openai.NotFoundError):
        client.models.retrieve("agent/초안")


def test_ones_own_agent_counts_before_a_shared_one(
    alice: User, bob: User, new_user: Callable[..., User], stage: Stage
) -> None:
    carol = new_user()
    for owner in (alice, bob):
        agent = new_agent(owner, system_prompt=owner.user_id)
        owner.put(f"/shares/agents/{agent}/", json={"user_id": carol.user_id}).raise_for_status()
    with client_of(carol) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="agent/안내원", messages=ASK)
        assert caught.value.code == "model_ambiguous"
        assert agent in caught.value.message
        new_agent(carol, system_prompt=carol.user_id)
        client.chat.completions.create(model="agent/안내원", messages=ASK)
    assert asked(stage)["messages"][0]["content"] == carol.user_id


SEOUL = {"variables": {"도시": "서울"}}
WRONG: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
    ({}, {}, 400, "invalid_input"),
    ({}, {"variables": "서울"}, 400, "invalid_input"),
    ({}, {"variables": {"도시": 5}}, 400, "invalid_input"),
    ({}, {**SEOUL, "agent_version": "하나"}, 400, "invalid_input"),
    ({}, {**SEOUL, "agent_version": 7}, 404, "not_found"),
    ({"tools": ["current_time"]}, SEOUL, 400, "agent_with_tools"),
]


@pytest.mark.parametrize(("settings", "body", "status", "code"), WRONG, ids=str)
def test_what_an_agent_cannot_be_asked_is_refused_in_openais_words(
    alice: User, settings: dict[str, Any], body: dict[str, Any], status: int, code: str
) -> None:
    new_agent(alice, system_prompt=PROMPT, variables=VARIABLES, **settings)
    asked = {"model": "agent/안내원", "messages": ASK, **body}
    answer = alice.post("/v1/chat/completions", json=asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("name", ["아무도", "3f2b8a54-6c1d-4f0e-9b57-2a4d8c6e1f90", "%"])
def test_an_agent_that_there_is_not_is_a_model_that_there_is_not(alice: User, name: str) -> None:
    asked = {"model": f"agent/{name}", "messages": ASK}
    answer = alice.post("/v1/chat/completions", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
