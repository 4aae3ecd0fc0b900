"""What is left of an answer when the process that writes it dies, and that it is billed once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from billing.models import Hold, UsageRecord
from conversations import tasks
from conversations.models import Generation, JournalSegment
from providers.tasks import sweep
from rini.models import Process
from tests.conftest import User
from tests.conversations.conftest import eventually, generate, new_session
from tests.conversations.reading import Reader, read, text_of
from tests.conversations.windows import Window
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Call, Stage

SLOW = Script(pieces=[f"{n}번 " for n in range(1000)], delay=0.01)
STORED_WITHIN_SECONDS = 0.25


@pytest.fixture
def doomed(start_server: Callable[..., RiniServer], settings: Any) -> Iterator[RiniServer]:
    """A web process that is to die, and soon passes for dead."""
    settings.PROCESS_DEAD_AFTER_SECONDS = 2.5
    server = start_server()
    yield server
    server.kill()


def begin(user: User, session: str, doomed: RiniServer, stage: Stage) -> tuple[str, Reader, Call]:
    """An answer under way in `doomed`, a reader of it there, and the vendor's call."""
    stage.next(SLOW)
    body = {"text": "질문", "provider": "local", "model": "played"}
    answer = user.post(f"{doomed.url}/sessions/{session}/generations/", json=body)
    generation_id: str = answer.json()["id"]
    reader = Reader(user, "GET", f"{doomed.url}/generations/{generation_id}/events")
    reader.seen(30)
    return generation_id, reader, stage.wait_for_call()


def told(user: User, session: str) -> dict[str, Any]:
    last: dict[str, Any] = user.get(f"/sessions/{session}/messages/").json()[-1]
    return last


def the_only_row() -> UsageRecord:
    row = UsageRecord.objects.get()
    assert row.usage_source == "estimated"
    assert row.input_tokens
    assert row.output_tokens
    assert not Hold.objects.exists()
    return row


def test_a_killed_process_leaves_an_interrupted_answer_with_its_text(
    alice: User, session: str, stage: Stage, doomed: RiniServer
) -> None:
    generation_id, reader, call = begin(alice, session, doomed, stage)
    sent = call.pieces_sent
    time.sleep(STORED_WITHIN_SECONDS)
    doomed.kill()
    reader.join(5)
    cursor = reader.events[-1].id
    assert told(alice, session)["status"] == "streaming"
    assert eventually(tasks.reap) == 1

    message = told(alice, session)
    assert message["status"] == "interrupted"
    assert message["content"].startswith("".join((SLOW.pieces or ())[:sent]))
    assert "".join(SLOW.pieces or ()).startswith(message["content"])
    row = the_only_row()
    assert row.status == "interrupted"
    assert row.message_id == message["id"]
    assert message["completion_tokens"] == row.output_tokens

    address = f"/generations/{generation_id}/events"
    (terminal,) = read(alice, address, after=max(cursor, len(message["content"])))
    assert terminal.type == "generation.interrupted"
    assert terminal.data["message"] == message
    whole = read(alice, address)
    assert text_of(whole) == message["content"]
    assert whole[-1] == terminal
    assert (tasks.reap(), sweep()) == (0, 0)
    assert UsageRecord.objects.count() == 1


def test_a_killed_process_without_a_session_is_billed_by_the_sweeper(
    alice: User, stage: Stage, doomed: RiniServer, settings: Any
) -> None:
    settings.PROCESS_DEAD_AFTER_SECONDS = 1.0  # the sweeper waits three times as long
    stage.next(SLOW)
    body = {"text": "질문", "provider": "local", "model": "played", "stream": True}
    reader = Reader(alice, "POST", f"{doomed.url}/llm/text-completion/", body)
    reader.seen(5)
    doomed.kill()
    reader.join(5)
    assert Hold.objects.count() == 1
    assert eventually(sweep) == 1
    row = UsageRecord.objects.get()
    assert (row.status, row.usage_source, row.output_tokens) == ("interrupted", "estimated", 0)
    assert row.input_tokens
    assert not Hold.objects.exists()


def test_a_terminated_process_ends_its_answers_itself(
    alice: User, session: str, stage: Stage, doomed: RiniServer
) -> None:
    generation_id, reader, call = begin(alice, session, doomed, stage)
    doomed.terminate()
    reader.join(5)
    assert call.closed.is_set()
    message = told(alice, session)
    assert message["status"] == "interrupted"
    assert message["content"].startswith(reader.text)
    the_only_row()
    rest = read(alice, f"/generations/{generation_id}/events", after=reader.events[-1].id)
    assert reader.text + text_of(rest) == message["content"]
    assert rest[-1].type == "generation.interrupted"


BRIEF = Script(pieces=[f"{n}번 " for n in range(30)], delay=0.05)


@pytest.mark.parametrize("reader", ["nobody", "events", "socket", "stateless"])
def test_after_sigterm_an_answer_may_end_whoever_reads_it(
    alice: User, stage: Stage, start_server: Callable[..., RiniServer], reader: str
) -> None:
    ending = start_server(SHUTDOWN_GRACE_SECONDS="10")
    session = new_session(alice)
    stage.next(BRIEF)
    body = {"text": "질문", "provider": "local", "model": "played"}
    with ExitStack() as readers:
        ended: Callable[[], Any] = lambda: None  # noqa: E731  # nobody reads
        if reader == "socket":
            window = readers.enter_context(Window(alice, ending, session)).ready()
            window.generate()
            ended = window.until_end
        elif reader == "stateless":
            stream = {**body, "stream": True}
            ended = Reader(alice, "POST", f"{ending.url}/llm/text-completion/", stream).ended
        else:
            url = f"{ending.url}/sessions/{session}/generations/"
            begun = alice.post(url, json=body).json()["id"]
            if reader == "events":
                ended = Reader(alice, "GET", f"{ending.url}/generations/{begun}/events").ended
        eventually(lambda: stage.calls and stage.calls[0].pieces_sent > 2)
        os.kill(ending.process.pid, signal.SIGTERM)
        last = ended()
        assert ending.process.wait(15) is not None
    if reader == "socket":
        assert last[-1]["type"] == "generation.completed"
    elif last is not None:
        assert last.type == "generation.completed"
    if reader != "stateless":
        assert told(alice, session)["content"] == "".join(BRIEF.pieces or ())
    assert UsageRecord.objects.get().status == "completed"


def test_a_process_that_is_ending_takes_no_connections_and_says_so(
    alice: User, session: str, stage: Stage, start_server: Callable[..., RiniServer]
) -> None:
    ending = start_server(SHUTDOWN_GRACE_SECONDS="10")
    stage.next(BRIEF)
    body = {"text": "질문", "provider": "local", "model": "played"}
    with httpx.Client(base_url=ending.url, timeout=10) as kept:
        assert kept.get("/readyz").status_code == 200
        alice.post(f"{ending.url}/sessions/{session}/generations/", json=body)
        stage.wait_for_call()
        os.kill(ending.process.pid, signal.SIGTERM)
        answer = eventually(lambda: _draining(kept))
        assert answer["status"] == "draining"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{ending.url}/livez")
    ending.process.wait(15)


def _draining(kept: httpx.Client) -> dict[str, Any] | None:
    answer = kept.get("/readyz")
    return dict(answer.json()) if answer.status_code == 503 else None


def test_a_process_that_was_given_up_writes_nothing_when_it_comes_back(
    alice: User, session: str, stage: Stage, doomed: RiniServer
) -> None:
    generation_id, reader, call = begin(alice, session, doomed, stage)
    os.kill(doomed.process.pid, signal.SIGSTOP)
    try:
        assert eventually(tasks.reap) == 1
        message = told(alice, session)
    finally:
        os.kill(doomed.process.pid, signal.SIGCONT)
    assert call.wait_closed(10)
    last = reader.ended()
    assert last.type == "generation.interrupted"
    assert told(alice, session) == message == last.data["message"]
    generation = Generation.objects.get(id=generation_id)
    numbers = JournalSegment.objects.values_list("last_seq", flat=True)
    assert max(numbers) == generation.last_seq
    assert the_only_row().status == "interrupted"


def test_a_living_process_is_not_reaped(alice: User, session: str, stage: Stage) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    stage.wait_for_call()
    process_id = Generation.objects.get().process_id
    eventually(lambda: Process.objects.filter(id=process_id).exists())  # tests empty its table
    assert (tasks.reap(), sweep()) == (0, 0)
    alice.post(f"/generations/{begun['id']}/stop")
