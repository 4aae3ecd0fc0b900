from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from billing.models import UsageRecord
from tests.conftest import User
from tests.conversations.conftest import generate, stored
from tests.conversations.reading import read
from tests.conversations.windows import Message, Window, text_in
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

PIECES = ["안녕", "하세요 ", "世界", " 👋🏽", "\n끝 "]
SLOW = Script(pieces=[f"{n} " for n in range(60)], delay=0.02)


def test_an_answer_comes_over_the_socket(
    alice: User, server: RiniServer, session: str, stage: Stage
) -> None:
    stage.next(Script(pieces=PIECES))
    with Window(alice, server, session) as window:
        assert window.socket.subprotocol == "bearer"
        window.ready().generate("  질문\n")
        got = window.until_end()
    assert [message["seq"] for message in got] == list(range(1, len(got) + 1))
    assert got[0]["type"] == "generation.started"
    assert text_in(got) == got[-1]["message"]["content"] == "".join(PIECES)
    listed = alice.get(f"/sessions/{session}/messages/").json()
    assert [m["content"] for m in listed] == ["  질문\n", "".join(PIECES)]
    events = read(alice, f"/generations/{got[0]['generation_id']}/events")
    assert [{"seq": e.id, "type": e.type, **e.data} for e in events] == got


def test_a_token_may_come_in_the_first_message(
    alice: User, server: RiniServer, session: str, stage: Stage
) -> None:
    with Window(alice, server, session, token="") as window:
        assert window.socket.subprotocol is None
        window.send("authenticate", token=alice.token)
        window.ready().generate("네?")
        assert text_in(window.until_end()) == "네?"


@pytest.mark.parametrize("token", ["wrong", "rini-wrong", "bearer"])
def test_a_wrong_token_closes_the_socket(
    alice: User, server: RiniServer, session: str, token: str
) -> None:
    with Window(alice, server, session, token=token) as window:
        assert window.close_code() == 4401
    with Window(alice, server, session, token="") as window:
        window.send("authenticate", token=token)
        answer = window.receive()
        assert (answer["type"], answer["problem"]["status"]) == ("error", 401)
        assert window.close_code() == 4401


@pytest.mark.parametrize("message", ['{"type": "ping"}', '{"type": "generate", "text": "?"}'])
def test_nothing_is_answered_without_a_token(
    alice: User, server: RiniServer, session: str, message: str
) -> None:
    before = stored()
    with Window(alice, server, session, token="") as window:
        window.socket.send(message)
        assert window.receive()["problem"]["code"] == "not_authenticated"
        assert window.close_code() == 4401
    assert stored() == before


def test_a_session_of_others_is_not_there(
    alice: User, bob: User, server: RiniServer, session: str
) -> None:
    for session_id in (session, str(uuid4())):
        with Window(bob, server, session_id) as window:
            assert window.receive()["problem"]["code"] == "not_found"
            assert window.close_code() == 4404


def test_pages_of_other_origins_are_told_why_they_are_refused(
    alice: User, server: RiniServer, session: str
) -> None:
    before = stored()
    with Window(alice, server, session, origin="https://evil.example") as window:
        window.send("generate", text="?", provider="demo", model="demo")
        assert window.receive()["problem"]["code"] == "foreign_origin"
        assert window.close_code() == 4403
    assert stored() == before
    with Window(alice, server, session, origin=server.url) as window:
        window.ready()


@pytest.mark.parametrize("by", ["subprotocol", "header", "message"])
def test_a_socket_is_told_that_its_token_was_good(
    alice: User, server: RiniServer, session: str, by: str
) -> None:
    token = "" if by != "subprotocol" else None
    headers = {"Authorization": f"Bearer {alice.token}"} if by == "header" else None
    with Window(alice, server, session, token=token, headers=headers) as window:
        if by == "message":
            window.send("authenticate", token=alice.token)
        told = json.loads(window.socket.recv(15))
        assert (told["type"], told["user_id"]) == ("authenticated", alice.user_id)
        assert told["expires_at"]
        window.ready()


def test_what_is_sent_after_a_refusal_is_not_answered(
    alice: User, server: RiniServer, session: str
) -> None:
    """A client sends its first message before it knows that its token has expired."""
    with Window(alice, server, session, token="expired") as window:
        for _ in range(3):
            with suppress(ConnectionClosed):
                window.send("generate", text="?", provider="demo", model="demo")
        assert window.receive()["problem"]["code"] == "not_authenticated"
        assert window.close_code() == 4401
    assert "websocket.send" not in server.log


def test_two_windows_see_everything_that_either_begins(
    alice: User,
    server: RiniServer,
    other_server: RiniServer,
    session: str,
    stage: Stage,
) -> None:
    played = [Script(pieces=[f"{n}-{m} " for m in range(30)], delay=0.01) for n in range(3)]
    stage.next(*played)
    with (
        Window(alice, server, session) as one,
        Window(alice, server, session) as two,
        Window(alice, other_server, session) as three,
    ):
        windows = [one.ready(), two.ready(), three.ready()]
        for asking, script in zip(windows, played, strict=True):
            asking.generate("누구나")
            seen = [window.until_end() for window in windows]
            assert text_in(seen[0]) == "".join(script.pieces or ())
            assert seen[0] == seen[1] == seen[2]


def test_a_window_sees_what_is_begun_over_http(
    alice: User, server: RiniServer, other_server: RiniServer, session: str, stage: Stage
) -> None:
    with Window(alice, server, session) as near, Window(alice, other_server, session) as far:
        near.ready()
        far.ready()
        begun = generate(alice, session, "HTTP로")
        for window in (near, far):
            got = window.until_end()
            assert got[0]["generation_id"] == begun["id"]
            assert text_in(got) == "HTTP로"


def test_an_answer_is_joined_after_an_event(
    alice: User, bob: User, server: RiniServer, session: str, stage: Stage
) -> None:
    stage.next(Script(pieces=PIECES))
    begun = generate(alice, session)
    events = read(alice, f"/generations/{begun['id']}/events")
    whole = [{"seq": e.id, "type": e.type, **e.data} for e in events]
    with Window(alice, server, session) as window:
        window.send("attach", generation_id=begun["id"])
        assert window.until_end() == whole
        window.send("attach", generation_id=begun["id"], after=3)
        assert window.until_end() == whole[3:]
        window.send("attach", generation_id=str(uuid4()))
        assert window.receive()["problem"]["code"] == "not_found"
    with Window(bob, server, bob.post("/sessions/", json={}).json()["id"]) as window:
        window.send("attach", generation_id=begun["id"])
        assert window.receive()["problem"]["code"] == "not_found"
        window.send("stop", generation_id=begun["id"])
        assert window.receive()["problem"]["code"] == "not_found"


def test_an_answer_is_stopped_while_it_streams(
    alice: User, server: RiniServer, session: str, stage: Stage
) -> None:
    stage.next(Script(pieces=["글 "] * 500, delay=0.02))
    with Window(alice, server, session) as window:
        window.generate()
        got = [window.receive() for _ in range(4)]
        window.send("stop", generation_id=got[0]["generation_id"])
        got += window.until_end()
    assert stage.wait_for_call().wait_closed(0.1)
    assert got[-1]["type"] == "generation.stopped"
    assert got[-1]["message"]["content"] == text_in(got)
    assert UsageRecord.objects.get().status == "stopped"


def test_bad_messages_are_answered_and_streams_go_on(
    alice: User, server: RiniServer, session: str, stage: Stage
) -> None:
    stage.next(SLOW)
    bad: list[str | bytes] = [
        "",
        "{",
        "[]",
        '{"type": "dance"}',
        '{"type": 5}',
        "{}",
        '{"type": "generate"}',
        '{"type": "generate", "text": "?", "provider": "nobody", "model": "m"}',
        '{"type": "attach", "generation_id": "x"}',
        f'{{"type": "attach", "generation_id": "{uuid4()}", "after": -1}}',
        '{"type": "stop"}',
        '{"type": "ping", "half": "\\ud83d"}',
        b"\xff\xfe",
    ]
    with Window(alice, server, session) as window:
        window.ready().generate()
        got = [window.receive()]
        for message in bad:
            window.socket.send(message)
        window.send("ping")
        got += window.until_end()
    assert [m for m in got if m["type"] == "pong"] == [{"type": "pong"}]
    errors = [m for m in got if m["type"] == "error"]
    assert [m["problem"]["status"] for m in errors] == [400] * len(bad)
    events = [m for m in got if "seq" in m]
    assert [m["seq"] for m in events] == list(range(1, len(events) + 1))
    assert text_in(events) == "".join(SLOW.pieces or ())


def test_many_answers_come_at_once(
    alice: User, server: RiniServer, session: str, stage: Stage
) -> None:
    stage.always(SLOW, model="played")
    ended = 0
    by_message: defaultdict[str, list[Message]] = defaultdict(list)
    with Window(alice, server, session) as window:
        window.ready()
        for number in range(10):
            window.generate(str(number))
        while ended < 10:
            message = window.receive()
            by_message[message["type"]].append(message)
            ended += message["type"] == "generation.completed"
    contents = [m["message"]["content"] for m in by_message["generation.completed"]]
    assert contents == ["".join(SLOW.pieces or ())] * 10
    assert len({m["generation_id"] for m in by_message["generation.started"]}) == 10
    assert len(by_message["text.delta"]) == 10 * len(SLOW.pieces or ())


def test_answers_of_one_session_can_be_told_apart(
    alice: User, server: RiniServer, other_server: RiniServer, session: str, stage: Stage
) -> None:
    scripts = {
        name: Script(pieces=[f"{name}{n} " for n in range(30)], delay=0.01) for name in ("가", "나")
    }
    for name, script in scripts.items():
        stage.always(script, model=name)
    by_answer: defaultdict[str, list[Message]] = defaultdict(list)
    with (
        Window(alice, server, session) as window,
        Window(alice, other_server, session) as elsewhere,
    ):
        elsewhere.ready()
        window.ready()
        for name in scripts:
            window.generate(model=name)
        for reader in (window, elsewhere):
            by_answer.clear()
            while sum("message" in events[-1] for events in by_answer.values()) < 2:
                message = reader.receive()
                by_answer[message["generation_id"]].append(message)
            for events in by_answer.values():
                assert [m["seq"] for m in events] == list(range(1, len(events) + 1))
                assert text_in(events) == "".join(scripts[events[0]["model"]].pieces or ())
                begun = events[0]["generation_id"]
                window.send("attach", generation_id=begun, after=2)
                assert {m["generation_id"] for m in window.until_end()} == {begun}


def test_a_window_that_closes_stops_nothing(
    alice: User, server: RiniServer, session: str, stage: Stage
) -> None:
    stage.next(SLOW)
    with Window(alice, server, session) as window:
        window.generate()
        begun = window.receive()
    events = read(alice, f"/generations/{begun['generation_id']}/events")
    assert events[-1].type == "generation.completed"


def test_an_address_that_is_none_is_refused(alice: User, server: RiniServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        Window(alice, server, "not-an-id")
    assert refused.value.response.status_code == 403
