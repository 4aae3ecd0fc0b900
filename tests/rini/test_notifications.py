"""Wake-ups through PostgreSQL: heard after the commit, by everybody who listens, or never."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from rini.storage.database import in_database
from rini.storage.notifications import Listener, notify

SOON = 10.0


class Ear:
    """Counts the wake-ups of one topic."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()

    async def hears(self) -> None:
        async with asyncio.timeout(SOON):
            await self.woken.wait()
        self.woken.clear()


async def ready(listener: Listener, ear: Ear) -> None:
    """Return once the connection listens: then everybody is woken once."""
    await ear.hears()


def send(*topics: str) -> None:
    notify(topics)


async def test_whoever_listens_is_woken(database: None) -> None:
    listener, ear, deaf = Listener(), Ear(), Ear()
    topic = f"test:{uuid4()}"
    with listener.listening(topic, ear.woken.set), listener.listening("other", deaf.woken.set):
        await ready(listener, ear)
        await deaf.hears()
        for _ in range(3):
            await in_database(send, topic)
            await ear.hears()
        assert not deaf.woken.is_set()
    await stop(listener)


async def test_nothing_is_heard_before_the_commit_or_after_a_rollback(database: None) -> None:
    listener, ear, marker = Listener(), Ear(), Ear()
    with (
        listener.listening("rolled-back", ear.woken.set),
        listener.listening("marker", marker.woken.set),
    ):
        await ready(listener, ear)
        await marker.hears()
        await in_database(_notify_and_roll_back)
        await in_database(send, "marker")
        await marker.hears()
        assert not ear.woken.is_set()
    await stop(listener)


def _notify_and_roll_back() -> None:
    with transaction.atomic():
        notify(["rolled-back"])
        transaction.set_rollback(True)


async def test_more_topics_than_fit_in_one_notification_are_all_heard(database: None) -> None:
    listener = Listener()
    topics = [f"journal:{uuid4()}" for _ in range(500)]
    ears = {topic: Ear() for topic in topics}
    contexts = [listener.listening(topic, ear.woken.set) for topic, ear in ears.items()]
    for context in contexts:
        context.__enter__()
    for ear in ears.values():
        await ear.hears()
    await in_database(send, *topics)
    for ear in ears.values():
        await ear.hears()
    for context in contexts:
        context.__exit__(None, None, None)
    await stop(listener)


@pytest.mark.parametrize("times", [2])
async def test_a_broken_connection_wakes_everybody_and_is_made_anew(
    database: None, times: int
) -> None:
    listener, ear = Listener(), Ear()
    with listener.listening("anything", ear.woken.set):
        await ready(listener, ear)
        for _ in range(times):
            await in_database(_cut_listeners)
            await ear.hears()  # when it broke
            await ear.hears() if not ear.woken.is_set() else None  # when it is there again
        ear.woken.clear()
        await in_database(send, "anything")
        await ear.hears()
    await stop(listener)


def _cut_listeners() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN rini' "
            "AND datname = current_database()"
        )


async def stop(listener: Listener) -> None:
    task: asyncio.Task[Any] | None = listener._task
    assert task is not None
    task.cancel()
    await asyncio.wait({task})
