"""Stopping closes the vendor's connection at once, keeps the text so far, and is billed."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from billing.models import Hold, UsageRecord
from tests.conftest import User
from tests.conversations.conftest import MODELS, add_keys, eventually, generate
from tests.conversations.reading import Reader, read
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

SLOW = Script(pieces=[f"{n}번 " for n in range(200)], delay=0.02)
AT_ONCE = 0.1


def events_url(server: RiniServer, generation_id: str) -> str:
    return f"{server.url}/generations/{generation_id}/events"


def assert_stopped(user: User, session: str, text: str) -> None:
    """The session's last answer is stopped with `text`, and the ledger has its row."""
    answer = user.get(f"/sessions/{session}/messages/").json()[-1]
    assert (answer["status"], answer["content"]) == ("stopped", text)
    row = UsageRecord.objects.get(message_id=answer["id"])
    assert row.status == "stopped"
    assert row.usage_source == ("vendor" if row.provider == "google" else "estimated")
    assert row.input_tokens
    assert bool(row.output_tokens) == bool(text)
    assert answer["completion_tokens"] == row.output_tokens
    assert not Hold.objects.exists()


@pytest.mark.parametrize("provider", ["local", *MODELS])
def test_a_stop_closes_the_vendors_connection_at_once_and_keeps_the_text(
    alice: User, server: RiniServer, session: str, stage: Stage, provider: str
) -> None:
    add_keys(alice)
    stage.next(SLOW)
    begun = generate(alice, session, provider=provider, model=MODELS.get(provider, "m"))
    reader = Reader(alice, "GET", events_url(server, begun["id"]))
    call = stage.wait_for_call()
    reader.seen(3)
    stopped = alice.post(f"/generations/{begun['id']}/stop")
    assert stopped.json()["status"] == "stopped"
    assert call.wait_closed(AT_ONCE)
    assert reader.ended().type == "generation.stopped"
    assert reader.text == "".join(SLOW.pieces or ())[: len(reader.text)] != ""
    assert_stopped(alice, session, reader.text)


def test_a_stop_in_another_process_is_the_same(
    alice: User, server: RiniServer, other_server: RiniServer, session: str, stage: Stage
) -> None:
    stage.next(SLOW)
    begun = generate(alice, session)
    reader = Reader(alice, "GET", events_url(server, begun["id"]))
    elsewhere = Reader(alice, "GET", events_url(other_server, begun["id"]))
    call = stage.wait_for_call()
    elsewhere.seen(3)
    stopped = alice.post(f"{other_server.url}/generations/{begun['id']}/stop")
    assert stopped.json()["status"] == "stopped"
    assert call.wait_closed(AT_ONCE)
    assert reader.ended().type == elsewhere.ended().type == "generation.stopped"
    assert reader.events == elsewhere.events
    assert_stopped(alice, session, reader.text)


def test_stopping_twice_and_stopping_the_finished_do_nothing(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(SLOW)
    begun = generate(alice, session)
    stage.wait_for_call()
    address = f"/generations/{begun['id']}/stop"
    first, second = alice.post(address), alice.post(address + "/")
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    finished = generate(alice, session)
    read(alice, f"/generations/{finished['id']}/events")
    answer = alice.post(f"/generations/{finished['id']}/stop")
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert UsageRecord.objects.count() == 2


def test_a_vendor_that_hangs_is_stopped(alice: User, session: str, stage: Stage) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    call = stage.wait_for_call()
    alice.post(f"/generations/{begun['id']}/stop")
    assert call.wait_closed(AT_ONCE)
    assert_stopped(alice, session, "")


def test_a_stop_right_after_the_start_leaves_nothing_behind(
    alice: User, session: str, stage: Stage
) -> None:
    stage.always(Script(hangs=True), model="played")
    for _ in range(20):
        begun = generate(alice, session)
        assert alice.post(f"/generations/{begun['id']}/stop").json()["status"] == "stopped"
    eventually(lambda: not Hold.objects.exists())
    assert len(stage.calls) <= UsageRecord.objects.count() <= 20


def test_what_was_stopped_is_part_of_the_history(
    alice: User, server: RiniServer, session: str, stage: Stage
) -> None:
    stage.next(SLOW)
    begun = generate(alice, session, "첫째")
    reader = Reader(alice, "GET", events_url(server, begun["id"]))
    reader.seen(2)
    alice.post(f"/generations/{begun['id']}/stop")
    reader.ended()
    read(alice, f"/generations/{generate(alice, session, '둘째')['id']}/events")
    sent = [m["content"] for m in stage.wait_for_call(2).body["messages"]]
    assert sent == ["첫째", reader.text, "둘째"]


def test_a_generation_that_does_not_exist_cannot_be_stopped(alice: User) -> None:
    assert alice.post(f"/generations/{uuid4()}/stop").status_code == 404


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", ["local", *MODELS])
def test_a_caller_of_a_stateless_answer_who_leaves_stops_the_vendor(
    alice: User, server: RiniServer, stage: Stage, provider: str, stream: bool
) -> None:
    add_keys(alice)
    stage.next(SLOW if stream else Script(hangs=True))
    model = MODELS.get(provider, "m")
    body = {"text": "질문", "provider": provider, "model": model, "stream": stream}
    reader = Reader(alice, "POST", f"{server.url}/llm/text-completion/", body)
    call = stage.wait_for_call()
    if stream:
        reader.seen(3)
    reader.leave()
    assert call.wait_closed(1)
    row = eventually(UsageRecord.objects.first)
    assert row.status == "stopped"
    assert row.input_tokens
    assert bool(row.output_tokens) == stream


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_reader_of_a_session_who_leaves_stops_nothing(
    alice: User, server: RiniServer, session: str, stage: Stage, stream: bool
) -> None:
    script = Script(pieces=[f"{n} " for n in range(20)], delay=0.02)
    stage.next(script)
    body = {"text": "질문", "provider": "local", "model": "m", "session_id": session}
    reader = Reader(alice, "POST", f"{server.url}/llm/text-completion/", body | {"stream": stream})
    call = stage.wait_for_call()
    if stream:
        reader.seen(3)
    reader.leave()
    assert call.ended.wait(10)
    assert not call.closed.is_set()
    answer = eventually(lambda: _complete(alice, session))
    assert answer["content"] == "".join(script.pieces or ())
    assert UsageRecord.objects.get().status == "completed"


def _complete(user: User, session: str) -> dict[str, str] | None:
    last: dict[str, str] = user.get(f"/sessions/{session}/messages/").json()[-1]
    return last if last["status"] == "complete" else None


def test_deleting_the_account_stops_its_answers(
    new_user: Callable[..., User], stage: Stage
) -> None:
    leaving = new_user()
    session_id = leaving.post("/sessions/", json={}).json()["id"]
    stage.next(SLOW)
    generate(leaving, session_id)
    call = stage.wait_for_call()
    assert leaving.delete("/users/me").status_code == 204
    assert call.wait_closed(2)
    assert eventually(UsageRecord.objects.first).status == "stopped"
