"""Chats of Vercel's AI SDK: what `useChat` sends, and what its page makes of the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest

from billing.models import UsageRecord
from conversations.models import Message, Session
from rini.storage import files
from tests.billing.ledger_world import budget
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually
from tests.conversations.test_images import PNG, images_in
from tests.dialects.openai_client import CLAUDE, GEMINI, GPT
from tests.dialects.streams import until
from tests.dialects.ui_messages import message_of, parts_of, texts_of
from tests.rini_server import RiniServer
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

CHAT = "/api/ai-sdk/chat"
EACH = pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
SLOW = Script(pieces=[f"조각{i} " for i in range(60)], delay=0.05)
PICTURE = {
    "type": "file",
    "mediaType": "image/png",
    "filename": "시장에서.png",
    "url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
}


@pytest.fixture(autouse=True)
def _keys(alice: User) -> None:
    add_keys(alice)


def said(text: str, id_: str = "q1", role: str = "user") -> dict[str, Any]:
    return {"id": id_, "role": role, "parts": [{"type": "text", "text": text}]}


def body(*messages: dict[str, Any], chat: str = "여행", **more: Any) -> dict[str, Any]:
    return {"id": chat, "messages": list(messages), "model": GPT, **more}


def ask(user: httpx.Client, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The message that a page makes of the answer."""
    answer = user.post(CHAT, json=body(*messages, **more))
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    return message_of(parts_of(answer.text))


def shown(message: dict[str, Any]) -> dict[str, Any]:
    """An answer as its page sends it along with the next question."""
    return said("".join(texts_of(message)), message["id"], "assistant")


def told(stage: Stage, number: int) -> list[str]:
    """The texts of the conversation that the model got, without the system's."""
    turns = stage.wait_for_call(number).body["messages"]
    return [turn["content"] for turn in turns if turn["role"] != "system"]


def refused(user: httpx.Client, *messages: dict[str, Any], **more: Any) -> tuple[int, str]:
    answer = user.post(CHAT, json=body(*messages, **more))
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.status_code, answer.text


@EACH
def test_an_answer_is_a_message_of_a_session(alice: User, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=["비가 ", "와요. ", "傘を\u2028"], usage=Tokens(input=21, output=9)))
    answer = ask(alice, said("오늘 날씨 어때?"), model=model)
    assert list(texts_of(answer)) == ["비가 와요. 傘を\u2028"]
    assert (answer["end"]["type"], answer["end"]["finishReason"]) == ("finish", "stop")
    assert answer["metadata"]["usage"] == {"inputTokens": 21, "outputTokens": 9}
    session = Session.objects.get()
    question, stored = Message.objects.order_by("id")
    assert (question.content, stored.content) == ("오늘 날씨 어때?", "비가 와요. 傘を\u2028")
    assert (answer["id"], answer["metadata"]["sessionId"]) == (str(stored.pk), str(session.id))
    assert f"{answer['metadata']['provider']}/{answer['metadata']['model']}" == model
    assert UsageRecord.objects.get().session_id == session.id
    assert alice.get("/sessions/").json()[0]["metadata"] == {"chat_id": "여행"}


def test_what_the_model_thinks_and_which_tools_it_calls_are_parts(
    alice: User, stage: Stage
) -> None:
    calls = [
        ToolCall("call_1", "weather", '{"city": "서울"}'),
        ToolCall("call_2", "weather", '{"city": "東京"}'),
    ]
    script = Script(reasoning=["날씨를 ", "보자"], pieces=["찾아볼게요"], tool_calls=calls)
    stage.next(script)
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    answer = ask(alice, said("날씨?"), model=GPT, llm_params={"tools": tools})
    assert list(texts_of(answer, "reasoning")) == ["날씨를 보자"]
    assert list(texts_of(answer)) == ["찾아볼게요"]
    weather = [part for part in answer["parts"] if part["type"] == "tool-weather"]
    assert [(part["id"], part["input"]) for part in weather] == [
        ("call_1", {"city": "서울"}),
        ("call_2", {"city": "東京"}),
    ]
    [_, loaded] = alice.get(f"{CHAT}/여행").json()["messages"]
    kinds = ["step-start", "reasoning", "text", "tool-weather", "tool-weather"]
    assert [part["type"] for part in loaded["parts"]] == kinds


def test_the_next_question_follows_what_the_page_shows(alice: User, stage: Stage) -> None:
    first = ask(alice, said("하나"))
    second = ask(alice, said("하나"), shown(first), said("二", "q2"))
    ask(alice, said("하나"), shown(first), said("二", "q2"), shown(second), said("三", "q3"))
    assert told(stage, 3) == ["하나", "하나", "二", "二", "三"]
    assert Session.objects.count() == 1
    assert Message.objects.count() == 6


def test_a_question_asked_anew_is_a_branch_beside_the_former_one(alice: User, stage: Stage) -> None:
    first = ask(alice, said("하나"))
    ask(alice, said("하나"), shown(first), said("둘", "q2"))
    ask(alice, said("하나"), shown(first), said("둘째", "q2"), messageId="q2")
    assert told(stage, 3) == ["하나", "하나", "둘째"]
    ask(alice, said("처음부터"), messageId="q1")
    assert told(stage, 4) == ["처음부터"]
    roots = Message.objects.filter(parent_message=None)
    assert {root.content for root in roots} == {"하나", "처음부터"}


def test_an_answer_made_anew_is_a_sibling_of_the_former_one(alice: User, stage: Stage) -> None:
    first = ask(alice, said("하나"))
    again = ask(alice, said("하나"), trigger="regenerate-message", messageId=first["id"])
    by_its_place = ask(alice, said("하나"), trigger="regenerate-message")
    answers = Message.objects.filter(role="assistant").order_by("id")
    assert [str(answer.pk) for answer in answers] == [first["id"], again["id"], by_its_place["id"]]
    assert len({answer.parent_message_id for answer in answers}) == 1
    assert told(stage, 3) == ["하나"]


def test_what_the_page_shows_and_the_session_has_not_is_stored_first(
    alice: User, stage: Stage
) -> None:
    greeting = said("어서 오세요! 何をお探しですか", "greeting", "assistant")
    system = said("简短地回答。", "s", "system")
    first = ask(alice, system, greeting, said("길을 찾아요"))
    assert "简短地回答。" in json.dumps(stage.wait_for_call().body, ensure_ascii=False)
    ask(alice, system, greeting, said("길을 찾아요"), shown(first), said("어디요?", "q2"))
    assert Message.objects.count() == 6
    path = alice.get(f"{CHAT}/여행").json()["messages"]
    assert [message["role"] for message in path] == [
        "system",
        *["assistant", "user"] * 2,
        "assistant",
    ]


def test_a_page_brings_no_whole_archive_along(alice: User) -> None:
    archive = [said(f"{i}번", f"m{i}", ["user", "assistant"][i % 2]) for i in range(202)]
    status, text = refused(alice, *archive, said("끝"))
    assert status == 400
    assert "/sessions/import" in text
    assert not Message.objects.exists()


def test_a_question_whose_answer_the_page_never_got_stays_on_the_path(
    alice: User, stage: Stage
) -> None:
    stage.next(Script(failure=Failure(400)))
    assert alice.post(CHAT, json=body(said("하나"))).status_code == 400
    ask(alice, said("하나"), said("둘", "q2"))
    assert told(stage, 2) == ["하나", "둘"]
    assert Message.objects.filter(content="하나", role="user").count() == 1


def test_a_page_may_send_the_question_alone(alice: User, stage: Stage) -> None:
    def alone(**more: Any) -> dict[str, Any]:
        answer = alice.post(CHAT, json={"id": "c", "model": GPT, **more})
        assert answer.status_code == 200, answer.text
        return message_of(parts_of(answer.text))

    alone(message=said("하나"))
    second = alone(message=said("둘"))
    assert told(stage, 2) == ["하나", "하나", "둘"]
    alone(trigger="regenerate-message", messageId=second["id"])
    alone(trigger="regenerate-message")
    assert told(stage, 3) == told(stage, 4) == told(stage, 2)
    asked = next(m["id"] for m in alice.get(f"{CHAT}/c").json()["messages"] if m["role"] == "user")
    alone(message=said("다른 하나"), messageId=asked)
    assert told(stage, 5) == ["다른 하나"]


def test_a_session_of_the_native_api_is_a_chat_by_its_id(alice: User, stage: Stage) -> None:
    fields = {"system_prompt": "두 단어로 답해.", "model": GPT}
    session_id = alice.post("/sessions/", json=fields).json()["id"]
    answer = alice.post(CHAT, json={"id": session_id, "message": said("안녕")})
    assert message_of(parts_of(answer.text))["metadata"]["sessionId"] == session_id
    assert "두 단어로 답해." in json.dumps(stage.wait_for_call().body, ensure_ascii=False)
    assert Session.objects.count() == 1


def test_chats_of_two_users_have_nothing_to_do_with_each_other(
    alice: User, bob: User, stage: Stage
) -> None:
    add_keys(bob)
    stage.next(Script(pieces=["대답"]))
    mine = ask(alice, said("비밀"), chat="같은 이름")
    assert bob.get(f"{CHAT}/같은 이름").json()["messages"] == []
    ask(bob, said("안녕"), chat="같은 이름")
    for chat in (mine["metadata"]["sessionId"], "같은 이름"):
        ask(bob, shown(mine), said("뭐라고?", "q2"), chat=chat)
        assert all("비밀" not in json.dumps(c.body, ensure_ascii=False) for c in stage.calls[1:])
        assert bob.get(f"{CHAT}/{chat}/stream").status_code == 204
    assert len(alice.get(f"{CHAT}/같은 이름").json()["messages"]) == 2


def test_two_first_questions_at_once_begin_one_session(alice: User) -> None:
    with ThreadPoolExecutor(4) as people:
        answers = list(people.map(lambda i: ask(alice, said(f"{i}번")), range(4)))
    assert len({answer["metadata"]["sessionId"] for answer in answers}) == 1
    assert Session.objects.count() == 1
    assert Message.objects.count() == 8


@pytest.fixture(scope="module")
def elsewhere(start_server: Callable[..., RiniServer]) -> RiniServer:
    """Another web process."""
    return start_server()


@pytest.fixture
def away(elsewhere: RiniServer, alice: User) -> Iterator[User]:
    """Alice, whose requests reach the other process."""
    with User(elsewhere, alice.account) as elsewhere_alice:
        yield elsewhere_alice


def test_a_page_that_comes_back_gets_the_answer_from_its_beginning(
    alice: User, away: User, stage: Stage
) -> None:
    stage.next(SLOW)
    before = until(alice, CHAT, body(said("세어 줘")), seen="조각3")
    assert len(alice.get(f"{CHAT}/여행").json()["messages"]) == 1
    with ThreadPoolExecutor(2) as pages:
        streams = list(pages.map(lambda page: page.get(f"{CHAT}/여행/stream"), (alice, away)))
    for stream in streams:
        assert stream.headers["x-vercel-ai-ui-message-stream"] == "v1"
        assert stream.text.startswith(before.rpartition("\n\n")[0])
        assert list(texts_of(message_of(parts_of(stream.text)))) == ["".join(SLOW.pieces or ())]
    assert alice.get(f"{CHAT}/여행/stream").status_code == 204
    assert UsageRecord.objects.count() == 1


def test_a_page_stops_the_answer_of_its_chat(alice: User, away: User, stage: Stage) -> None:
    stage.next(SLOW)
    with ThreadPoolExecutor(1) as page:
        reading = page.submit(alice.post, CHAT, json=body(said("세어 줘")))
        call = stage.wait_for_call()
        eventually(lambda: call.pieces_sent > 2)
        assert away.delete(f"{CHAT}/여행/stream").status_code == 204
        answer = message_of(parts_of(reading.result().text))
    assert answer["end"] == {"type": "abort"}
    assert call.wait_closed(5)
    [stored] = Message.objects.filter(role="assistant")
    assert (stored.status, [stored.content]) == ("stopped", list(texts_of(answer)))
    assert alice.delete(f"{CHAT}/여행/stream").status_code == 204


def test_an_answer_that_breaks_off_ends_with_an_error(alice: User, stage: Stage) -> None:
    stage.next(Script(pieces=["하나", "둘", "셋"], cut=Cut(after_pieces=2)))
    answer = ask(alice, said("세어 줘"))
    assert list(texts_of(answer)) == ["하나둘"]
    assert answer["end"]["type"] == "error"
    assert answer["end"]["errorText"]


def test_the_same_request_again_gets_the_same_answer(alice: User) -> None:
    alice.headers["Idempotency-Key"] = "하나뿐".encode().hex()
    first = alice.post(CHAT, json=body(said("안녕")))
    again = alice.post(CHAT, json=body(said("안녕")))
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")
    assert again.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert Message.objects.count() == 2


def test_a_picture_is_kept_with_its_question(alice: User, stage: Stage) -> None:
    question = {"id": "q", "role": "user", "parts": [PICTURE, {"type": "text", "text": "여기는?"}]}
    answer = ask(alice, question)
    assert images_in(stage.wait_for_call()) == [PNG]
    ask(alice, question, trigger="regenerate-message")
    ask(alice, question, shown(answer), said("언제?", "q2"))
    for number in (2, 3):
        assert images_in(stage.wait_for_call(number)) == [PNG]
    [kept] = Message.objects.filter(file_reference__isnull=False)
    assert (kept.original_filename, kept.content) == ("시장에서.png", "여기는?")
    [file, _] = alice.get(f"{CHAT}/여행").json()["messages"][0]["parts"]
    assert alice.get(file["url"]).content == PNG
    assert files.read(str(kept.file_reference)) == PNG


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"id": "a", "role": "user", "parts": []}, "messages[0].parts"),
        ({"id": "a", "role": "user"}, "messages[0].parts"),
        ({"id": "a", "role": "user", "parts": [{"type": "text"}]}, "messages[0].parts"),
        ({"id": "a", "role": "robot", "parts": []}, "messages[0].role"),
        (said("안녕", role="assistant"), "messages[0].role"),
        ({**said("안녕"), "parts": [PICTURE, PICTURE]}, "messages[0].parts"),
        ({**said("안녕"), "parts": [{**PICTURE, "url": "https://a.example/b"}]}, "data: URL"),
        ({**said("안녕"), "parts": [{**PICTURE, "url": "data:a/b;base64,가"}]}, "base64"),
        ({**said("안녕"), "parts": [{**PICTURE, "url": "data:a/b;base64,AAAA"}]}, "image"),
    ],
)
def test_a_message_that_cannot_be_asked_is_refused_by_name(
    alice: User, message: dict[str, Any], named: str
) -> None:
    status, text = refused(alice, message)
    assert status == 400
    assert named in text
    assert not Session.objects.exists()


def test_errors_are_the_sentence_that_the_page_shows(alice: User, stage: Stage) -> None:
    assert refused(alice, said("안녕"), model="없는-모델")[0] == 400
    status, text = refused(alice, said("안녕"), modle=GPT)
    assert status == 400
    assert "“model”" in text
    stage.next(Script(failure=Failure(429)))
    assert refused(alice, said("안녕"))[0] == 429
    alice.headers["Accept-Language"] = "ko"
    korean = refused(alice, messages=None, message=said("나"), messageId="7")
    assert korean == (404, "메시지 7을(를) 찾을 수 없습니다.")
    budget("user", UUID(alice.user_id), 1)
    assert refused(alice, said("안녕"))[0] == 402
    with httpx.Client(base_url=alice.base_url) as nobody:
        assert refused(nobody, said("안녕"))[0] == 401
    assert alice.get("/api/ai-sdk/nothing").status_code == 404
