"""Answers of agents: what their vendor is told, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Generation, Message
from tests.conftest import User
from tests.conversations.conftest import new_session
from tests.conversations.test_agents import PROMPT, VARIABLES, changed, new_agent, published
from tests.conversations.windows import Window
from tests.knowledge.test_knowledge_bases import filled, new_base
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

__all__ = ["filled"]


def ask(user: User, agent: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = user.post("/llm/text-completion/", json={"text": "질문", "agent_id": agent, **body})
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def asked(stage: Stage, number: int = 1) -> dict[str, Any]:
    body: dict[str, Any] = stage.wait_for_call(number, model="played").body
    return body


def test_an_agent_answers_in_a_session_and_is_kept_with_the_answer(
    alice: User, stage: Stage
) -> None:
    session = new_session(alice, system_prompt="短く。", model="demo/demo")
    agent = new_agent(
        alice, system_prompt=PROMPT, variables=VARIABLES, llm_params={"temperature": 0.2}
    )
    answer = ask(alice, agent, session_id=session, variables={"도시": "{{language}}"})
    told = asked(stage)
    assert told["messages"] == [
        {
            "role": "system",
            "content": "너는 {{language}}의 안내원이다. 请用日本語回答。\n\n短く。",
        },
        {"role": "user", "content": "질문"},
    ]
    assert told["temperature"] == 0.2
    message = answer["assistant_message"]
    assert (message["agent_id"], message["agent_version"]) == (agent, 1)
    assert answer["user_message"]["agent_id"] is None
    row = Generation.objects.get()
    shown = alice.get(f"/generations/{row.id}/").json()
    assert (shown["agent_id"], shown["agent_version"]) == (agent, 1)
    alice.delete(f"/agents/{agent}").raise_for_status()
    [_, kept] = alice.get(f"/sessions/{session}/messages/").json()
    assert (kept["agent_id"], kept["agent_version"]) == (agent, 1)


def test_what_a_request_says_itself_counts_before_its_agent(alice: User, stage: Stage) -> None:
    agent = new_agent(alice, model="demo/demo", llm_params={"temperature": 0.2, "top_p": 0.5})
    ask(alice, agent, model="local/played", llm_params={"temperature": 1.0})
    told = asked(stage)
    assert (told["temperature"], told["top_p"]) == (1.0, 0.5)


def test_an_agents_limit_holds_whatever_a_request_asks_for(alice: User, stage: Stage) -> None:
    agent = new_agent(alice, max_output_tokens=200)
    ask(alice, agent)
    ask(alice, agent, llm_params={"max_tokens": 5000})
    ask(alice, agent, llm_params={"max_tokens": 50})
    assert [asked(stage, number)["max_tokens"] for number in (1, 2, 3)] == [200, 200, 50]


def test_what_an_agent_may_do_is_kept_with_its_answer(alice: User) -> None:
    agent = new_agent(alice, max_steps=5, require_approval="changing", tools=["current_time"])
    session = new_session(alice)
    ask(alice, agent, session_id=session)
    choice = Generation.objects.get().choice or {}
    assert (choice["max_steps"], choice["require_approval"]) == (5, "changing")
    assert choice["tools"] == ["current_time"]


def test_a_version_is_asked_by_its_number(alice: User, stage: Stage) -> None:
    agent = new_agent(alice, system_prompt="하나")
    changed(alice, agent, system_prompt="둘")
    ask(alice, agent)
    published(alice, agent)
    ask(alice, agent)
    ask(alice, agent, agent_version=1)
    told = [asked(stage, number)["messages"][0]["content"] for number in (1, 2, 3)]
    assert told == ["하나", "둘", "하나"]
    assert ask(alice, agent, 404, agent_version=3)["code"] == "not_found"


def test_an_agents_knowledge_is_searched(
    alice: User, filled: str, session: str, stage: Stage
) -> None:
    agent = new_agent(alice, knowledge_base_ids=[filled], system_prompt="사규만 말한다.")
    stage.next(Script(pieces=["십오 일 [1]"]), Script(pieces=["모른다"]), Script(pieces=["다시"]))
    answer = ask(alice, agent, session_id=session, text="연차는 며칠인가요?")
    assert answer["citations"][0]["document_name"] == "휴가.md"
    system, question = asked(stage)["messages"]
    assert system["content"] == "사규만 말한다."
    assert "<passage " in question["content"]
    ask(alice, agent, text="연차는 며칠인가요?", knowledge_base_ids=[])
    assert "<passage " not in asked(stage, 2)["messages"][-1]["content"]
    alone = ask(alice, agent, text="연차는 며칠인가요?")
    assert alone["citations"]
    assert asked(stage, 3)["messages"][0]["content"] == "사규만 말한다."


def test_another_answer_is_of_the_same_agent(alice: User, session: str, stage: Stage) -> None:
    agent = new_agent(alice, system_prompt=PROMPT, variables=VARIABLES)
    answer = ask(alice, agent, session_id=session, variables={"도시": "東京"})
    changed(alice, agent, system_prompt="새 글", variables={})
    published(alice, agent)
    message = answer["assistant_message"]["id"]
    again = alice.post(f"/messages/{message}/regenerate").raise_for_status().json()
    assert again["assistant_message"]["agent_version"] == 1
    assert asked(stage, 2)["messages"] == asked(stage, 1)["messages"]
    edited = {"content": "다른 질문", "agent_id": agent}
    question = answer["user_message"]["id"]
    alice.post(f"/messages/{question}/edit", json=edited).raise_for_status()
    assert asked(stage, 3)["messages"][0]["content"] == "새 글"
    alice.delete(f"/agents/{agent}").raise_for_status()
    last = alice.post(f"/messages/{message}/regenerate").raise_for_status().json()
    assert last["assistant_message"]["agent_id"] is None
    assert [told["role"] for told in asked(stage, 4)["messages"]] == ["user"]


def test_an_agent_answers_over_the_websocket_and_begun_generations(
    server: RiniServer, alice: User, session: str, stage: Stage
) -> None:
    agent = new_agent(alice, system_prompt="하나")
    with Window(alice, server, session) as window:
        window.send("generate", text="질문", agent_id=agent)
        message = window.until_end()[-1]["message"]
    assert (message["agent_id"], message["agent_version"]) == (agent, 1)
    body = {"text": "또", "agent_id": agent}
    begun = alice.post(f"/sessions/{session}/generations/", json=body).raise_for_status().json()
    assert (begun["agent_id"], begun["agent_version"]) == (agent, 1)
    assert asked(stage, 2)["messages"][0]["content"] == "하나"


def test_a_shared_agent_answers_whoever_sees_its_knowledge(
    alice: User, bob: User, session: str, stage: Stage
) -> None:
    base = new_base(alice, embedding_model="")
    agent = new_agent(alice, knowledge_base_ids=[base])
    assert ask(bob, agent, 404)["code"] == "not_found"
    for address in (f"/shares/agents/{agent}/", f"/shares/knowledge-bases/{base}/"):
        refused = ask(bob, agent, 404)
        alice.put(address, json={"user_id": bob.user_id}).raise_for_status()
    assert base in refused["detail"]
    assert ask(bob, agent)["response_text"]
    assert Message.objects.filter(session_id=session).count() == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "variables.도시"),
        ({"variables": {"도시": "서울", "나라": "한국"}}, "variables.나라"),
        ({"variables": {"도시": None}}, "variables"),
        ({"agent_id": None, "variables": {"도시": "서울"}}, "variables"),
        ({"agent_id": None, "agent_version": 1}, "agent_version"),
    ],
    ids=str,
)
def test_variables_that_are_wrong_are_named(alice: User, body: dict[str, Any], field: str) -> None:
    agent = new_agent(alice, system_prompt=PROMPT, variables=VARIABLES)
    answer = ask(alice, agent, 400, **body)
    assert any(name.startswith(field) for name in answer["errors"]), answer
    assert not Message.objects.exists()


def test_an_agent_that_was_never_published_answers_nobody(alice: User) -> None:
    agent = new_agent(alice, publish=False)
    assert ask(alice, agent, 409)["code"] == "agent_unpublished"
