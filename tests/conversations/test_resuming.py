"""A reader that comes back continues exactly after its cursor, in whichever process."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from math import inf
from typing import Any

import pytest
from django.utils import timezone

from conversations import tasks
from conversations.models import Generation, JournalSegment
from tests.conftest import User
from tests.conversations.conftest import generate, new_session
from tests.conversations.reading import Reader, Received, read, text_of
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

ALPHABET = '가나다라마바사 天地玄黄 いろはに abc\n👩‍👩‍👧‍👦\t"\\'


def scripts(count: int, pieces: int) -> list[Script]:
    chance = random.Random(20251120)
    return [
        Script(
            pieces=["".join(chance.choices(ALPHABET, k=5)) for _ in range(pieces)],
            delay=0.01,
        )
        for _ in range(count)
    ]


def read_with_breaks(
    user: User, generation_id: str, base_urls: Sequence[str], breaks: int, chance: random.Random
) -> list[Received]:
    """Everything that the connections of one reader got, put together, each to a random moment."""
    got: list[Received] = []
    for number in range(breaks + 1):
        leave_at = inf if number == breaks else time.monotonic() + chance.uniform(0, 0.06)
        after = got[-1].id if got else None
        got += read(
            user,
            f"/generations/{generation_id}/events",
            after=after,
            by_header=chance.random() < 0.5,
            until=partial(_is_time, leave_at),
            base_url=base_urls[number % len(base_urls)],
        )
    return got


def _is_time(moment: float, _: Received) -> bool:
    return time.monotonic() >= moment


def assert_whole(events: list[Received], script: Script) -> None:
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[0].type == "generation.started"
    assert events[-1].type == "generation.completed"
    assert text_of(events) == "".join(script.pieces or ())
    assert events[-1].data["message"]["content"] == "".join(script.pieces or ())


@pytest.mark.parametrize("processes", [1, 2])
def test_two_hundred_broken_connections_lose_and_repeat_nothing(
    alice: User, stage: Stage, server: RiniServer, request: pytest.FixtureRequest, processes: int
) -> None:
    urls = [server.url]
    if processes == 2:
        urls.append(request.getfixturevalue("other_server").url)
    played = scripts(8, 120)
    stage.next(*played)
    begun = []
    for number in range(len(played)):
        begun.append(generate(alice, new_session(alice), str(number))["id"])
        stage.wait_for_call(number + 1)  # so that the scripts are in the order of the answers
    with ThreadPoolExecutor(len(played)) as threads:
        readings = [
            threads.submit(read_with_breaks, alice, id_, urls, 25, random.Random(number))
            for number, id_ in enumerate(begun)
        ]
    for reading, script in zip(readings, played, strict=True):
        assert_whole(reading.result(), script)


def test_readers_in_two_processes_see_the_same(
    alice: User, session: str, stage: Stage, server: RiniServer, other_server: RiniServer
) -> None:
    (script,) = scripts(1, 60)
    stage.next(script)
    begun = generate(alice, session)
    readers = [
        Reader(alice, "GET", f"{one.url}/generations/{begun['id']}/events")
        for one in (server, other_server)
    ]
    for reader in readers:
        reader.ended()
        assert_whole(reader.events, script)
    assert readers[0].events == readers[1].events


def finished(user: User, session: str, stage: Stage, script: Script) -> str:
    stage.next(script)
    begun = generate(user, session)
    read(user, f"/generations/{begun['id']}/events")
    generation_id: str = begun["id"]
    return generation_id


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_reader_that_comes_after_the_end_gets_everything(
    alice: User, session: str, stage: Stage, slash: str
) -> None:
    script = Script(pieces=["늦어도 ", "전부"])
    generation_id = finished(alice, session, stage, script)
    events = read(alice, f"/generations/{generation_id}/events{slash}")
    assert_whole(events, script)
    for after in range(len(events)):
        rest = read(alice, f"/generations/{generation_id}/events{slash}", after=after)
        assert rest == events[after:]


def test_a_reader_that_has_read_everything_is_told_not_to_come_back(
    alice: User, session: str, stage: Stage
) -> None:
    generation_id = finished(alice, session, stage, Script(pieces=["끝"]))
    address = f"/generations/{generation_id}/events"
    last = read(alice, address)[-1].id
    for after in (last, last + 1, 10**8):
        assert alice.get(address, params={"after": after}).status_code == 204
        header = {"Last-Event-ID": str(after)}
        assert alice.get(address, headers=header).status_code == 204


def test_the_whole_text_is_still_told_when_the_journal_is_trimmed(
    alice: User, session: str, stage: Stage
) -> None:
    generation_id = finished(alice, session, stage, Script(pieces=["남는 ", "글"]))
    address = f"/generations/{generation_id}/events"
    terminal = read(alice, address)[-1]
    tasks.trim_journal()
    assert JournalSegment.objects.exists()
    past = timezone.now() - timedelta(hours=25)
    Generation.objects.update(finished_at=past)
    tasks.trim_journal()
    assert not JournalSegment.objects.exists()
    for after in (0, 1, terminal.id - 1):
        assert read(alice, address, after=after) == [terminal]
    assert terminal.data["message"]["content"] == "남는 글"
    assert alice.get(address, params={"after": terminal.id}).status_code == 204


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_cursor_beyond_the_journal_ends_with_it(
    alice: User,
    session: str,
    stage: Stage,
    server: RiniServer,
    other_server: RiniServer,
    elsewhere: bool,
) -> None:
    stage.next(Script(pieces=["하나", "둘"], delay=0.2))
    begun = generate(alice, session)
    base = (other_server if elsewhere else server).url
    assert read(alice, f"/generations/{begun['id']}/events", after=9999, base_url=base) == []


@pytest.mark.parametrize("after", ["-1", "one", "1.5", "9" * 10, "٣", ""])
def test_a_cursor_that_is_no_number_is_refused(
    alice: User, session: str, stage: Stage, after: str
) -> None:
    generation_id = finished(alice, session, stage, Script(pieces=["끝"]))
    answer = alice.get(f"/generations/{generation_id}/events", params={"after": after})
    expected: tuple[Any, ...] = (200,) if after == "" else (400,)
    assert answer.status_code in expected


def test_a_silent_stream_says_that_it_lives(
    alice: User, session: str, stage: Stage, other_server: RiniServer
) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    url = f"{other_server.url}/generations/{begun['id']}/events"
    with alice.stream("GET", url) as answer:
        buffer = b""
        for piece in answer.iter_raw():
            buffer += piece
            if buffer.count(b": \n\n") >= 2:
                break
    alice.post(f"/generations/{begun['id']}/stop")
