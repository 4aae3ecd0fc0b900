from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from billing.models import UsageRecord
from conversations.models import Generation, JournalSegment, Message, Session
from conversations.tasks import delete_expired_sessions
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually
from tests.dialects.conftest import OPERATORS_KEY
from tests.dialects.streams import give_up
from tests.rini_server import RiniServer
from tests.vendors.script import Cut, Failure, Script, Tokens
from tests.vendors.stage import Stage

MODEL = "local/gpt-4o-mini"
SLOW = Script(pieces=["안녕"] * 200, delay=0.05)


def begin(user: httpx.Client, message: str = "질문", **more: Any) -> str:
    answer = user.post("/chat/stream", json={"message": message, "model": MODEL, **more})
    assert answer.status_code == 200, answer.text
    stream_id: str = answer.json()["stream_id"]
    return stream_id


def frames(text: str) -> list[dict[str, str]]:
    """The data of a stream's frames, each of which is a chunk; comments are none."""
    blocks = [block for block in text.split("\n\n") if block not in {"", ": "}]
    assert all(re.match(r"id: \d+\nevent: chunk\ndata: ", block) for block in blocks)
    return [json.loads(block.partition("data: ")[2]) for block in blocks]


def listen(user: httpx.Client, stream_id: str, server: str = "") -> list[dict[str, str]]:
    answer = user.get(f"{server}/chat/stream/{stream_id}")
    assert answer.status_code == 200, answer.text
    return frames(answer.text)


def test_a_conversation_goes_to_the_default_model_with_the_operators_key(
    other_server: RiniServer, alice: User, stage: Stage
) -> None:
    alice.base_url = httpx.URL(other_server.url)
    history = [{"role": "user", "content": "하나"}, {"role": "assistant", "content": "둘"}]
    body = {"message": "셋", "conversation_history": history, "system_prompt": "세어라."}
    answer = alice.post("/chat", json=body)
    assert answer.status_code == 200, answer.text
    call = stage.wait_for_call(model="gpt-4o-mini")
    assert call.key == OPERATORS_KEY
    assert call.body["messages"] == [
        {"role": "system", "content": "세어라."},
        *history,
        {"role": "user", "content": "셋"},
    ]
    assert not {"temperature", "max_tokens"} & call.body.keys()  # this operator sends none


def test_a_stream_is_told_the_same(alice: User, stage: Stage) -> None:
    history = [{"role": "user", "content": "하나"}, {"role": "assistant", "content": "둘"}]
    stream_id = begin(
        alice, "셋", conversation_history=history, system_prompt="세어라.", temperature=0
    )
    listen(alice, stream_id)
    call = stage.wait_for_call(model="gpt-4o-mini")
    assert [turn["content"] for turn in call.body["messages"]] == ["세어라.", "하나", "둘", "셋"]
    assert call.body["temperature"] == 0


def test_what_is_null_is_as_if_it_were_left_out(alice: User, stage: Stage) -> None:
    nothing = dict.fromkeys(
        ("conversation_history", "system_prompt", "temperature", "max_tokens"), None
    )
    answer = alice.post("/chat", json={"message": "안녕", "model": MODEL, **nothing})
    assert answer.json()["response"] == "안녕"
    body = stage.wait_for_call(model="gpt-4o-mini").body
    assert (body["temperature"], body["max_tokens"]) == (0.7, 2000)


@pytest.mark.parametrize("begins_here", [True, False])
def test_a_stream_is_read_in_another_process_than_it_began(
    alice: User, stage: Stage, server: RiniServer, other_server: RiniServer, begins_here: bool
) -> None:
    writing, reading = (server, other_server) if begins_here else (other_server, server)
    alice.base_url = httpx.URL(writing.url)
    stage.next(Script(pieces=["천천히 ", "흐르는 ", '"강"\n'], delay=0.2))
    stream_id = begin(alice, model=MODEL if begins_here else None)
    start, *chunks, end = listen(alice, stream_id, reading.url)
    assert start == {"type": "START", "stream_id": stream_id}
    assert {chunk["type"] for chunk in chunks} == {"CHUNK"}
    assert "".join(chunk["content"] for chunk in chunks) == '천천히 흐르는 "강"\n'
    assert end == {"type": "END", "full_content": '천천히 흐르는 "강"\n'}


@pytest.mark.parametrize("stops_here", [True, False])
def test_a_stream_is_stopped_from_any_process(
    alice: User, stage: Stage, other_server: RiniServer, stops_here: bool
) -> None:
    stage.next(SLOW)
    stream_id = begin(alice)
    call = stage.wait_for_call(model="gpt-4o-mini")
    eventually(lambda: call.pieces_sent > 2)
    stopping = "" if stops_here else other_server.url
    answer = alice.delete(f"{stopping}/chat/stream/{stream_id}")
    assert answer.json() == {"message": "Stream stopped", "stream_id": stream_id}
    assert call.wait_closed(5)
    *_, end = listen(alice, stream_id)
    assert end["type"] == "END"
    assert "안녕" in end["full_content"] != "안녕" * 200
    assert UsageRecord.objects.get().status == "stopped"


def test_a_stream_goes_on_when_its_reader_goes_and_is_read_again_from_its_beginning(
    alice: User, stage: Stage
) -> None:
    stage.next(Script(pieces=["하나", "둘", "셋", "넷"], delay=0.1))
    stream_id = begin(alice)
    with alice.stream("GET", f"/chat/stream/{stream_id}") as answer:
        next(piece for piece in answer.iter_text() if "하나" in piece)
    assert listen(alice, stream_id)[-1] == {"type": "END", "full_content": "하나둘셋넷"}
    assert listen(alice, stream_id)[-1] == {"type": "END", "full_content": "하나둘셋넷"}
    assert len(stage.calls_of(model="gpt-4o-mini")) == 1


def test_a_reader_that_returns_reads_on_and_comes_no_more_after_the_end(
    alice: User, stage: Stage
) -> None:
    stage.next(Script(pieces=["하나", "둘"]))
    stream_id = begin(alice)
    ids = re.findall(r"^id: (\d+)$", alice.get(f"/chat/stream/{stream_id}").text, re.MULTILINE)
    rest = alice.get(f"/chat/stream/{stream_id}", headers={"Last-Event-ID": ids[1]})
    assert [frame["type"] for frame in frames(rest.text)] == ["CHUNK"] * (len(ids) - 3) + ["END"]
    done = alice.get(f"/chat/stream/{stream_id}", headers={"Last-Event-ID": ids[-1]})
    assert done.status_code == 204


def test_a_model_in_an_answer_is_one_of_the_list(alice: User) -> None:
    answer = alice.post("/chat", json={"message": "안녕", "model": "demo"}).json()
    assert answer["model"] in [model["id"] for model in alice.get("/models").json()["models"]]


@pytest.mark.parametrize("body", [{}, {"temperature": 0.5, "max_tokens": 50}])
def test_a_reasoning_model_gets_no_default_that_it_refuses(
    alice: User, stage: Stage, body: dict[str, Any]
) -> None:
    add_keys(alice)
    answer = alice.post("/chat", json={"message": "안녕", "model": "openai/o3-mini", **body})
    assert answer.status_code == 200, answer.text
    call = stage.wait_for_call(model="o3-mini")
    assert "max_tokens" not in call.body
    assert call.body["max_completion_tokens"] == body.get("max_tokens", 2000)
    assert call.body.get("temperature") == body.get("temperature")


def test_nothing_of_a_chat_is_stored_but_the_ledgers_row(alice: User, stage: Stage) -> None:
    stage.next(Script(usage=Tokens(input=12, output=3)))
    alice.post("/chat", json={"message": "비밀", "model": MODEL})
    assert (Session.objects.count(), Message.objects.count()) == (0, 0)
    (row,) = UsageRecord.objects.all()
    assert (str(row.user_id), row.session_id, row.message_id) == (alice.user_id, None, None)
    assert (row.input_tokens, row.output_tokens, row.cost_nano) == (12, 3, 0)


def test_a_stream_is_in_no_list_and_after_an_hour_nowhere(alice: User, stage: Stage) -> None:
    stream_id = begin(alice, "비밀")
    listen(alice, stream_id)
    session = Session.objects.get()
    assert alice.get("/sessions/").json() == []
    assert alice.get(f"/sessions/{session.id}").status_code == 404
    assert alice.get(f"/api/sessions/{session.id}").status_code == 404
    Session.objects.update(last_accessed=timezone.now() - timedelta(minutes=59))
    assert delete_expired_sessions() == 0
    Session.objects.update(last_accessed=timezone.now() - timedelta(minutes=61))
    for method in ("GET", "DELETE"):
        answer = alice.request(method, f"/chat/stream/{stream_id}")
        assert answer.json() == {"detail": f"Stream {stream_id} not found"}
    assert delete_expired_sessions() == 1
    for model in (Session, Message, Generation, JournalSegment):
        assert not model.objects.exists()
    assert UsageRecord.objects.get().session_id is None


def test_the_ledger_has_what_the_vendor_counted(
    other_server: RiniServer, alice: User, stage: Stage
) -> None:
    alice.base_url = httpx.URL(other_server.url)
    stage.next(*[Script(usage=Tokens(input=1000, output=100))] * 2)
    alice.post("/chat", json={"message": "안녕"})
    listen(alice, begin(alice, model=None))
    rows = UsageRecord.objects.all()
    assert [row.cost_nano for row in rows] == [1000 * 150 + 100 * 600] * 2
    assert {row.status for row in rows} == {"completed"}


def test_streams_of_others_are_not_found(alice: User, bob: User) -> None:
    stream_id = begin(alice)
    for method in ("GET", "DELETE"):
        answer = bob.request(method, f"/chat/stream/{stream_id}")
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": f"Stream {stream_id} not found"},
        )


@pytest.mark.parametrize("name", [str(uuid.UUID(int=7)), "abc", "1", "흐름"])
def test_what_is_no_stream_is_not_found(alice: User, name: str) -> None:
    assert alice.get(f"/chat/stream/{name}").status_code == 404
    assert alice.delete(f"/chat/stream/{name}").status_code == 404


def test_a_client_who_does_not_wait_stops_the_vendor(alice: User, stage: Stage) -> None:
    stage.next(Script(hangs=True))
    give_up(alice, "/chat", {"message": "길게", "model": MODEL})
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    eventually(lambda: UsageRecord.objects.filter(status="stopped").count() == 1)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (Script(pieces=["반", "쪽"], cut=Cut(after_pieces=1)), "broke the answer off"),
        (Script(failure=Failure(500)), "server had an error"),
    ],
)
def test_a_stream_that_fails_ends_with_an_error(
    alice: User, stage: Stage, script: Script, told: str
) -> None:
    stage.next(script)
    *_, end = listen(alice, begin(alice))
    assert end["type"] == "ERROR"
    assert told in end["error"]


def test_a_stream_whose_process_dies_ends_with_an_error(
    start_server: Callable[..., RiniServer], alice: User, stage: Stage
) -> None:
    from conversations.tasks import reap

    dying = start_server()
    stage.next(SLOW)
    home = alice.base_url
    alice.base_url = httpx.URL(dying.url)
    stream_id = begin(alice)
    eventually(lambda: JournalSegment.objects.count() > 2)
    dying.kill()
    eventually(reap)
    alice.base_url = home
    start, *chunks, end = listen(alice, stream_id)
    assert start["type"] == "START"
    assert all(chunk["content"].startswith("안녕") for chunk in chunks)
    assert end == {
        "type": "ERROR",
        "error": "The server that wrote this answer has ended. Ask again.",
    }


@pytest.mark.parametrize(("vendors", "ours"), [(401, 400), (429, 429), (500, 502), (503, 503)])
def test_a_vendor_that_fails_is_a_status_of_a_chat(
    alice: User, stage: Stage, vendors: int, ours: int
) -> None:
    stage.next(Script(failure=Failure(vendors)))
    answer = alice.post("/chat", json={"message": "안녕", "model": MODEL})
    assert (answer.status_code, list(answer.json())) == (ours, ["detail"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": "안녕", "conversation_history": "대화"}, "conversation_history"),
        (
            {"message": "안녕", "conversation_history": [{"role": "악당", "content": "하"}]},
            "conversation_history.0.role",
        ),
        ({"message": "안녕", "max_tokens": 0}, "max_tokens"),
        ({"message": "안녕", "temperature": "뜨겁게"}, "temperature"),
        ({"message": "안녕", "model": "없는-모델"}, "model"),
    ],
)
@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_bad_input_names_its_field(
    alice: User, path: str, body: dict[str, Any], field: str
) -> None:
    answer = alice.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{field}: ")
    assert not Session.objects.exists()


def test_every_model_in_the_list_can_be_asked(alice: User) -> None:
    rows = alice.get("/models").json()["models"]
    for row in rows:
        answer = alice.post("/chat", json={"message": "안녕", "model": row["id"]})
        assert answer.status_code == 200
    assert rows


def test_the_list_has_chat_models_that_there_is_a_key_for(
    other_server: RiniServer, alice: User
) -> None:
    rows = alice.get(f"{other_server.url}/models").json()["models"]
    ids = {row["id"] for row in rows}
    assert {"openai/gpt-4o-mini", "demo/demo"} <= ids
    assert not any("embedding" in name or name.startswith("anthropic/") for name in ids)


def test_health_asks_the_default_models_provider_for_free_and_seldom(
    other_server: RiniServer, stage: Stage
) -> None:
    for _ in range(5):
        answer = httpx.get(f"{other_server.url}/health")
        assert answer.status_code == 200
        assert answer.json()["openai_api"] == "connected"
    assert len(stage.calls) <= 1
    assert all((call.method, call.path) == ("GET", "/v1/models") for call in stage.calls)
    assert not UsageRecord.objects.exists()


def test_a_key_that_the_provider_refuses_is_disconnected_and_rini_healthy(
    lonely_server: RiniServer, stage: Stage
) -> None:
    stage.always(Script(failure=Failure(401)), key="sk-refused")
    answer = httpx.get(f"{lonely_server.url}/health")
    assert (answer.status_code, answer.json()["openai_api"]) == (200, "disconnected")
