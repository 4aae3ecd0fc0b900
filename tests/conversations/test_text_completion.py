from __future__ import annotations

from typing import Any

import httpx
import pytest

from billing.models import UsageRecord
from tests.conftest import User
from tests.conversations.conftest import MODELS, PROVIDER_KEY, add_keys, new_session, stored
from tests.conversations.reading import events_of, text_of
from tests.vendors.script import Script, Tokens
from tests.vendors.stage import Call, Stage

PIECES = ["안녕", "하세요, ", "世界", " 👋🏽", "\n끝 "]
ADDRESS = "/llm/text-completion/"
each_vendor = pytest.mark.parametrize("provider", list(MODELS))


def ask(user: User, provider: str, text: str = "질문", **more: Any) -> httpx.Response:
    body = {"text": text, "provider": provider, "model": MODELS.get(provider, "m"), **more}
    return user.post(ADDRESS, json=body)


def told(call: Call) -> tuple[str, list[tuple[str, str]]]:
    """The system prompt and the turns that a vendor got, whatever its format."""
    match call.vendor:
        case "openai":
            turns = [(m["role"], m["content"]) for m in call.body["messages"]]
        case "anthropic":
            turns = [("system", _plain(call.body.get("system", "")))]
            turns += [(m["role"], _plain(m["content"])) for m in call.body["messages"]]
        case _:
            turns = [("system", _plain(call.body.get("systemInstruction", {}).get("parts", "")))]
            turns += [
                ("assistant" if c["role"] == "model" else c["role"], _plain(c["parts"]))
                for c in call.body["contents"]
            ]
    system = "".join(text for role, text in turns if role == "system")
    return system, [turn for turn in turns if turn[0] != "system"]


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_the_demo_model_answers_without_a_session_and_nothing_is_stored(alice: User) -> None:
    answer = ask(alice, "demo", "안녕?", model="demo").json()
    assert "안녕?" in answer["response_text"]
    assert answer["session_id"] is answer["user_message"] is answer["assistant_message"] is None
    assert stored() == (0, 0, 0, 1)


@each_vendor
def test_a_text_is_answered_by_each_vendor(alice: User, stage: Stage, provider: str) -> None:
    add_keys(alice)
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    answer = ask(alice, provider)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["response_text"] == "".join(PIECES)
    assert (body["prompt_tokens"], body["completion_tokens"]) == (21, 9)
    assert float(body["cost"]) > 0
    assert stage.wait_for_call().key == PROVIDER_KEY
    assert stored() == (0, 0, 0, 1)


@each_vendor
def test_a_text_is_streamed_by_each_vendor(alice: User, stage: Stage, provider: str) -> None:
    add_keys(alice)
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    events = events_of(ask(alice, provider, stream=True))
    assert events[0].type == "generation.started"
    assert events[-1].type == "generation.completed"
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert text_of(events) == events[-1].data["message"]["content"] == "".join(PIECES)
    usage = events[-1].data["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (21, 9)
    assert stored() == (0, 0, 0, 1)


@each_vendor
@pytest.mark.parametrize("stream", [False, True])
def test_history_and_system_prompt_go_along_in_a_session(
    alice: User, stage: Stage, provider: str, stream: bool
) -> None:
    add_keys(alice)
    session_id = new_session(alice, system_prompt="简短地回答。")
    stage.next(Script(pieces=["첫 대답"]), Script(pieces=PIECES))
    ask(alice, provider, "첫 질문", session_id=session_id).raise_for_status()
    answer = ask(alice, provider, "두 번째", session_id=session_id, stream=stream)
    assert told(stage.wait_for_call(2)) == (
        "简短地回答。",
        [("user", "첫 질문"), ("assistant", "첫 대답"), ("user", "두 번째")],
    )
    listed = alice.get(f"/sessions/{session_id}/messages/").json()
    assert [m["content"] for m in listed] == ["첫 질문", "첫 대답", "두 번째", "".join(PIECES)]
    assert stored() == (1, 4, 2, 2)
    if stream:
        events = events_of(answer)
        assert text_of(events) == "".join(PIECES)
        assert events[-1].data["message"] == listed[-1]
        assert events[0].data["assistant_message_id"] == listed[-1]["id"]
        assert answer.headers["x-generation-id"] == events[0].data["generation_id"]
    else:
        assert answer.json()["response_text"] == "".join(PIECES)
        assert answer.json()["assistant_message"] == listed[-1]
        assert answer.json()["session_id"] == session_id


def test_an_answer_follows_the_message_that_was_named(
    alice: User, session: str, stage: Stage
) -> None:
    first = ask(alice, "local", "하나", session_id=session).json()
    ask(alice, "local", "둘", session_id=session)
    parent = first["assistant_message"]["id"]
    ask(alice, "local", "셋", session_id=session, parent_message_id=parent)
    _, turns = told(stage.wait_for_call(3))
    assert turns == [("user", "하나"), ("assistant", "하나"), ("user", "셋")]


def test_reasoning_is_streamed_and_stored_apart_from_the_text(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(Script(reasoning=["음, ", "생각"], pieces=["답"]))
    events = events_of(ask(alice, "local", session_id=session, stream=True))
    assert text_of(events, "reasoning.delta") == "음, 생각"
    message = events[-1].data["message"]
    assert (message["reasoning"], message["content"]) == ("음, 생각", "답")


def test_parameters_reach_the_vendor_as_they_are(alice: User, stage: Stage) -> None:
    params = {"temperature": 0.25, "max_tokens": 77, "stop": ["끝"], "logit_bias": {"5": -1}}
    assert ask(alice, "local", llm_params=params).status_code == 200
    body = stage.wait_for_call().body
    assert {name: body[name] for name in params} == params


def test_the_accept_header_asks_for_a_stream(alice: User, stage: Stage) -> None:
    body = {"text": "질문", "provider": "local", "model": "m"}
    answer = alice.post(ADDRESS, json=body, headers={"Accept": "text/event-stream"})
    assert text_of(events_of(answer)) == "질문"
    assert answer.headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("address", ["/llm/text-completion", "/llm/text-completion/"])
def test_both_forms_of_the_address_answer(alice: User, stage: Stage, address: str) -> None:
    body = {"text": "질문", "provider": "local", "model": "m"}
    assert alice.post(address, json=body).json()["response_text"] == "질문"


def test_the_session_has_a_model_that_needs_not_be_named(alice: User, stage: Stage) -> None:
    session_id = new_session(alice, model="local/qwen3:8b")
    answer = alice.post(ADDRESS, json={"text": "누구?", "session_id": session_id})
    assert answer.status_code == 200, answer.text
    assert stage.wait_for_call().model == "qwen3:8b"


def test_a_conversation_of_the_callers_own_is_answered_and_not_stored(
    alice: User, stage: Stage
) -> None:
    turns = [
        {"role": "system", "content": "日本語で。"},
        {"role": "user", "content": "はい？ "},
        {"role": "assistant", "content": "はい。"},
        {"role": "user", "content": " もう一度"},
    ]
    body = {"messages": turns, "provider": "local", "model": "m"}
    answer = alice.post("/llm/chat-completions/", json=body)
    assert answer.json()["response_text"] == " もう一度"
    assert stage.wait_for_call().body["messages"] == turns
    events = events_of(alice.post("/llm/chat-completions", json={**body, "stream": True}))
    assert text_of(events) == " もう一度"
    assert stored() == (0, 0, 0, 2)


def test_every_answer_names_the_request_that_the_ledger_names(
    alice: User, session: str, stage: Stage
) -> None:
    answer = alice.post(
        ADDRESS,
        json={"text": "질문", "provider": "local", "model": "m", "session_id": session},
        headers={"X-Request-ID": "mine-12345678"},
    )
    assert answer.headers["x-request-id"] == "mine-12345678"
    assert UsageRecord.objects.get().request_id == "mine-12345678"
