from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from billing.models import UsageRecord
from conversations.models import Generation, Message, Session
from conversations.tasks import delete_expired_sessions
from tests.conftest import User
from tests.conversations.conftest import eventually
from tests.dialects.conftest import OPERATORS_KEY
from tests.dialects.streams import give_up, until
from tests.rini_server import RiniServer
from tests.vendors.script import Cut, Failure, Script, Tokens
from tests.vendors.stage import Stage

SLOW = Script(pieces=["안녕"] * 200, delay=0.05)


def new_session(user: httpx.Client, **body: Any) -> str:
    answer = user.post("/api/sessions", json=body)
    assert answer.status_code == 201, answer.text
    session_id: str = answer.json()["session_id"]
    return session_id


def ask(user: httpx.Client, session_id: str, message: str = "질문", **more: Any) -> httpx.Response:
    return user.post("/api/chat", json={"session_id": session_id, "message": message, **more})


def grow_old(session_id: str, hours: float) -> None:
    moment = timezone.now() - timedelta(hours=hours)
    Session.objects.filter(id=session_id).update(last_accessed=moment)


@pytest.fixture
def session(alice: User) -> str:
    return new_session(alice)


def test_the_own_server_is_asked_for_its_first_model_with_the_usual_parameters(
    alice: User, stage: Stage, session: str
) -> None:
    assert ask(alice, session).status_code == 200
    call = stage.wait_for_call(model="gpt-4o-mini")
    assert (call.body["temperature"], call.body["max_tokens"]) == (0.7, 256)
    assert call.key == ""


def test_parameters_of_a_request_take_the_place_of_the_usual_ones(
    alice: User, stage: Stage, session: str
) -> None:
    ask(alice, session, temperature=1.2, max_new_tokens=9)
    ask(alice, session, temperature=1.2, do_sample=False)
    first, second = stage.calls_of(model="gpt-4o-mini")
    assert (first.body["temperature"], first.body["max_tokens"]) == (1.2, 9)
    assert second.body["temperature"] == 0


def test_a_model_is_told_the_last_ten_messages_from_a_question_on(
    alice: User, stage: Stage, session: str
) -> None:
    for number in range(7):
        ask(alice, session, f"{number}번 질문")
    told = stage.calls_of(model="gpt-4o-mini")[-1].body["messages"]
    assert [turn["role"] for turn in told] == ["user", "assistant"] * 4 + ["user"]
    assert (told[0]["content"], told[-1]["content"]) == ("2번 질문", "6번 질문")


def test_sessions_are_sessions_of_the_native_api_too(alice: User, session: str) -> None:
    ask(alice, session, "你好")
    assert [row["id"] for row in alice.get("/sessions/").json()] == [session]
    messages = alice.get(f"/sessions/{session}/messages/").json()
    assert [(row["role"], row["content"]) for row in messages] == [
        ("user", "你好"),
        ("assistant", "你好"),
    ]


def test_the_ledger_has_what_the_vendor_counted(alice: User, stage: Stage, session: str) -> None:
    stage.next(Script(usage=Tokens(input=33, output=5)))
    answer = ask(alice, session).json()
    (row,) = UsageRecord.objects.all()
    assert (str(row.user_id), str(row.session_id), row.message_id) == (
        alice.user_id,
        session,
        answer["message_id"],
    )
    assert (row.provider, row.input_tokens, row.output_tokens) == ("local", 33, 5)
    assert (row.status, row.cost_nano) == ("completed", 0)


def test_an_expired_session_is_gone_at_once_everywhere(alice: User, session: str) -> None:
    message_id = ask(alice, session).json()["message_id"]
    grow_old(session, hours=24.1)
    for method, path in (
        ("GET", f"/api/sessions/{session}"),
        ("GET", f"/api/sessions/{session}/messages"),
        ("DELETE", f"/api/sessions/{session}"),
    ):
        answer = alice.request(method, path)
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": f"Session {session} not found"},
        )
    assert ask(alice, session).status_code == 404
    assert alice.get("/sessions/").json() == []
    assert alice.get(f"/sessions/{session}").status_code == 404
    assert alice.get(f"/messages/{message_id}").status_code == 404


def test_expired_sessions_are_deleted_with_their_messages_and_no_others(
    alice: User, session: str
) -> None:
    native = alice.post("/sessions/", json={}).json()["id"]
    fresh = new_session(alice)
    ask(alice, session)
    grow_old(session, hours=24.1)
    grow_old(native, hours=24 * 1000)
    grow_old(fresh, hours=23.9)
    assert delete_expired_sessions() == 1
    assert {str(row.id) for row in Session.objects.all()} == {native, fresh}
    assert not Message.objects.exists()
    assert UsageRecord.objects.count() == 1


def test_a_session_in_which_an_answer_is_written_is_not_deleted(
    alice: User, stage: Stage, session: str
) -> None:
    stage.next(Script(pieces=["하나", "둘"] * 20, delay=0.05))
    body = {"session_id": session, "message": "세어 줘"}
    with alice.stream("POST", "/api/chat/stream", json=body) as answer:
        grow_old(session, hours=24.1)
        assert delete_expired_sessions() == 0
        assert answer.read().endswith(b"data: [DONE]\n\n")
    assert delete_expired_sessions() == 1


@pytest.mark.parametrize("path", ["", "/messages"])
def test_every_access_lets_a_session_live_longer(alice: User, session: str, path: str) -> None:
    grow_old(session, hours=23)
    assert alice.get(f"/api/sessions/{session}{path}").status_code == 200
    used = Session.objects.get(id=session).last_accessed
    assert timezone.now() - used < timedelta(minutes=1)


def test_sessions_of_others_are_not_found(alice: User, bob: User, session: str) -> None:
    body = {"session_id": session, "message": "몰래"}
    answers = [
        bob.get(f"/api/sessions/{session}"),
        bob.get(f"/api/sessions/{session}/messages"),
        bob.delete(f"/api/sessions/{session}"),
        bob.post("/api/chat", json=body),
        bob.post("/api/chat/stream", json=body),
    ]
    expected = (404, {"detail": f"Session {session} not found"})
    assert [(answer.status_code, answer.json()) for answer in answers] == [expected] * 5
    assert alice.get(f"/api/sessions/{session}/messages").json() == {"messages": []}


@pytest.mark.parametrize("name", [str(uuid.UUID(int=7)), "abc", "1", "a%00b", "세션"])
def test_what_is_no_session_is_not_found(alice: User, name: str) -> None:
    assert alice.get(f"/api/sessions/{name}").status_code == 404
    assert ask(alice, name).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "안녕"}, "session_id"),
        ({"message": ""}, "message"),
        ({"message": 5}, "message"),
        ({"message": "안녕", "max_new_tokens": 0}, "max_new_tokens"),
        ({"message": "안녕", "temperature": "뜨겁게"}, "temperature"),
        ({"message": "안녕", "do_sample": "글쎄"}, "do_sample"),
    ],
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/stream"])
def test_bad_input_names_its_field(
    alice: User, session: str, path: str, body: dict[str, Any], field: str
) -> None:
    known = {} if field == "session_id" else {"session_id": session}
    answer = alice.post(path, json=known | body)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{field}: ")
    assert not Message.objects.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', '{"message": "\\u0000"}'])
def test_bad_json_is_a_bad_request(alice: User, content: str) -> None:
    answer = alice.post("/api/chat", content=content)
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])


@pytest.mark.parametrize("limit", ["0", "-1", "많이", "1001", "9" * 30])
def test_a_bad_limit_is_a_bad_request(alice: User, session: str, limit: str) -> None:
    answer = alice.get(f"/api/sessions/{session}/messages", params={"limit": limit})
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])


def test_other_methods_are_refused_in_the_same_shape(alice: User) -> None:
    answer = alice.get("/api/chat")
    assert (answer.status_code, list(answer.json())) == (405, ["detail"])


def test_a_reader_who_goes_away_stops_the_vendor_and_the_text_so_far_stays(
    alice: User, stage: Stage, session: str
) -> None:
    stage.next(SLOW)
    body = {"session_id": session, "message": "길게"}
    until(alice, "/api/chat/stream", body, seen="안녕")
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    message = eventually(lambda: Message.objects.filter(status="stopped").first())
    assert message.content.startswith("안녕")
    assert UsageRecord.objects.get().status == "stopped"


def test_a_client_who_does_not_wait_stops_the_vendor(
    alice: User, stage: Stage, session: str
) -> None:
    stage.next(SLOW)
    give_up(alice, "/api/chat", {"session_id": session, "message": "길게"})
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    eventually(lambda: UsageRecord.objects.filter(status="stopped").count() == 1)


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/stream"])
def test_a_client_who_goes_before_the_first_word_stops_the_vendor(
    alice: User, stage: Stage, session: str, path: str
) -> None:
    stage.next(Script(hangs=True))
    give_up(alice, path, {"session_id": session, "message": "거기 있어?"})
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    eventually(lambda: not Generation.objects.filter(status="running").exists())


def test_deleting_a_session_stops_what_is_being_written_in_it(
    alice: User, stage: Stage, session: str
) -> None:
    stage.next(SLOW)
    body = {"session_id": session, "message": "길게"}
    with alice.stream("POST", "/api/chat/stream", json=body) as answer:
        assert alice.delete(f"/api/sessions/{session}").status_code == 200
        assert answer.read().endswith(b"data: [DONE]\n\n")
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    assert not Session.objects.exists()
    assert UsageRecord.objects.get().status == "stopped"


def test_a_vendor_that_breaks_off_midway_is_told_in_the_stream(
    alice: User, stage: Stage, session: str
) -> None:
    stage.next(Script(pieces=["반", "쪽"], cut=Cut(after_pieces=1)))
    body = {"session_id": session, "message": "끝까지"}
    answer = alice.post("/api/chat/stream", json=body)
    assert answer.text == (
        'data: {"content": "반"}\n\n'
        'data: {"error": "The provider broke the answer off."}\n\n'
        "data: [DONE]\n\n"
    )


def test_separators_of_lines_do_not_break_a_frame(alice: User, stage: Stage, session: str) -> None:
    stage.next(Script(pieces=["가\u2028나\u2029다\x85라"]))
    body = {"session_id": session, "message": "여러 줄로"}
    with alice.stream("POST", "/api/chat/stream", json=body) as answer:
        first, *_ = answer.iter_lines()
    assert first == r'data: {"content": "가\u2028나\u2029다\u0085라"}'


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/stream"])
@pytest.mark.parametrize(("vendors", "ours"), [(429, 429), (500, 502), (401, 400), (503, 503)])
def test_a_vendor_that_fails_at_once_is_a_status(
    alice: User, stage: Stage, session: str, path: str, vendors: int, ours: int
) -> None:
    stage.next(Script(failure=Failure(vendors)))
    answer = alice.post(path, json={"session_id": session, "message": "안녕"})
    assert (answer.status_code, list(answer.json())) == (ours, ["detail"])
    assert ("retry-after" in answer.headers) == (ours == 429)


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/stream"])
def test_without_its_model_server_it_is_unavailable(
    lonely_server: RiniServer, alice: User, session: str, path: str
) -> None:
    alice.base_url = httpx.URL(lonely_server.url)
    answer = alice.post(path, json={"session_id": session, "message": "안녕"})
    assert (answer.status_code, answer.json()) == (503, {"detail": "LLM server not available"})
    # No server had to be asked for its models: the operator named one.
    assert Generation.objects.get().model == "이름-붙인-모델"


def test_without_its_model_server_it_is_unhealthy(lonely_server: RiniServer) -> None:
    answer = httpx.get(f"{lonely_server.url}/api/health")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["llm_server"]) == ("unhealthy", "disconnected")


def test_without_any_model_server_the_default_model_answers(
    other_server: RiniServer, alice: User, stage: Stage, session: str
) -> None:
    alice.base_url = httpx.URL(other_server.url)
    assert ask(alice, session, "안녕").json()["content"] == "안녕"
    assert stage.wait_for_call(model="gpt-4o-mini").key == OPERATORS_KEY
    assert alice.get("/api/health").json()["llm_server"] == "connected"


def test_an_answer_that_failed_before_its_first_word_is_no_message(
    alice: User, stage: Stage
) -> None:
    session_id = alice.post("/api/sessions", json={}).json()["session_id"]
    stage.next(Script(failure=Failure(500)))
    alice.post("/api/chat", json={"session_id": session_id, "message": "안녕"})
    told = alice.get(f"/api/sessions/{session_id}/messages").json()["messages"]
    assert [message["role"] for message in told] == ["user"]
