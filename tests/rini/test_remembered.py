from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from rini.storage.remembered import Remembered, RememberedAsync


class Source:
    """Answers with how often it was asked, and notes what for."""

    def __init__(self, seconds: float = 0) -> None:
        self.asked: list[Any] = []
        self.seconds = seconds
        self.is_broken = False

    def ask(self, key: Any) -> int | None:
        self.asked.append(key)
        if self.is_broken:
            raise LookupError
        return None if key == "nobody" else len(self.asked)

    async def ask_slowly(self, key: Any) -> int | None:
        await asyncio.sleep(self.seconds)
        return self.ask(key)


def test_an_answer_is_remembered_by_its_key() -> None:
    source = Source()
    remembered = Remembered(source.ask, seconds=60)
    assert [remembered(key) for key in ("가", "나", "가", "나")] == [1, 2, 1, 2]


def test_an_answer_of_none_is_one_too() -> None:
    source = Source()
    remembered = Remembered(source.ask, seconds=60)
    assert [remembered("nobody"), remembered("nobody")] == [None, None]
    assert source.asked == ["nobody"]


def test_it_is_asked_anew_when_the_time_is_over_and_when_it_is_forgotten() -> None:
    source = Source()
    assert [Remembered(source.ask, seconds=0)("가") for _ in range(2)] == [1, 2]
    remembered = Remembered(source.ask, seconds=0.05)
    assert remembered("가") == 3
    time.sleep(0.06)
    assert remembered("가") == 4
    remembered.forget()
    assert remembered("가") == 5


def test_it_does_not_grow_beyond_its_limit() -> None:
    source = Source()
    remembered = Remembered(source.ask, seconds=60, most=10)
    for key in range(1000):
        remembered(key)
    assert len(remembered._answers._answers) <= 10


def test_what_could_not_be_found_out_is_not_remembered() -> None:
    source = Source()
    remembered = Remembered(source.ask, seconds=60)
    source.is_broken = True
    with pytest.raises(LookupError):
        remembered("가")
    source.is_broken = False
    assert remembered("가") == 2


async def test_one_asks_for_all_who_wait_for_the_same() -> None:
    source = Source(0.02)
    remembered = RememberedAsync(source.ask_slowly, seconds=60)
    answers = await asyncio.gather(*(remembered(key) for key in "가나" * 20))
    assert sorted(source.asked) == ["가", "나"]
    assert len(set(answers[::2])) == len(set(answers[1::2])) == 1
    assert await remembered("가") == answers[0]
    remembered.forget()
    assert await remembered("가") == 3


async def test_if_who_asks_gives_up_the_next_asks() -> None:
    source = Source(0.02)
    remembered = RememberedAsync(source.ask_slowly, seconds=60)
    first, second = (asyncio.create_task(remembered("가")) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == 1
    source.is_broken = True
    with pytest.raises(LookupError):
        await remembered("나")
    source.is_broken = False
    assert await remembered("나") == 3


def test_every_event_loop_may_ask() -> None:
    remembered = RememberedAsync(Source(0.001).ask_slowly, seconds=0)

    async def both() -> None:
        await asyncio.gather(remembered("가"), remembered("가"))

    for _ in range(2):
        asyncio.run(both())
