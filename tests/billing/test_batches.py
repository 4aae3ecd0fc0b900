from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from billing.batches import Batcher
from rini.errors import Unavailable


class Work:
    """Doubles numbers; the first batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.began.set()
        await self.go.wait()
        if 13 in items:
            raise ValueError("13 cannot be doubled")
        return [KeyError(item) if item < 0 else 2 * item for item in items]


async def under_way(work: Work, batcher: Batcher[int, int], *items: int) -> list[asyncio.Task[int]]:
    """`items` asked for, once the first of them is being worked on."""
    first = asyncio.create_task(batcher.do(items[0]))
    await work.began.wait()
    others = [asyncio.create_task(batcher.do(item)) for item in items[1:]]
    await asyncio.sleep(0)  # they have asked now
    return [first, *others]


async def test_what_comes_while_a_batch_is_under_way_is_done_together() -> None:
    work = Work()
    batcher = Batcher(work)
    tasks = await under_way(work, batcher, 1, 2, 3)
    work.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6]
    assert work.batches == [[1], [2, 3]]


async def test_those_who_come_at_once_are_one_batch() -> None:
    work = Work()
    work.go.set()
    batcher = Batcher(work)
    assert await asyncio.gather(*map(batcher.do, range(20, 84))) == [2 * n for n in range(20, 84)]
    assert work.batches == [list(range(20, 84))]


async def test_a_result_that_is_an_error_is_raised_to_whom_it_belongs() -> None:
    work = Work()
    work.go.set()
    batcher = Batcher(work)
    results = await asyncio.gather(batcher.do(-1), batcher.do(2), return_exceptions=True)
    assert isinstance(results[0], KeyError)
    assert results[1] == 4


async def test_one_bad_item_is_not_the_end_of_the_others() -> None:
    work = Work()
    work.go.set()
    batcher = Batcher(work)
    results = await asyncio.gather(*map(batcher.do, (1, 13, 3)), return_exceptions=True)
    assert (results[0], results[2]) == (2, 6)
    assert isinstance(results[1], ValueError)


async def test_without_a_database_all_hear_of_it() -> None:
    async def away(items: Sequence[int]) -> Sequence[int | Exception]:
        raise Unavailable

    batcher = Batcher(away)
    results = await asyncio.gather(*map(batcher.do, (1, 2)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)


async def test_an_item_whose_caller_has_gone_is_worked_on_all_the_same() -> None:
    work = Work()
    batcher = Batcher(work)
    first, second = await under_way(work, batcher, 1, 2)
    second.cancel()
    work.go.set()
    await batcher.drain()
    assert await first == 2
    assert work.batches == [[1], [2]]
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_while_the_process_is_busy_a_batch_gathers() -> None:
    work = Work()
    work.go.set()
    batcher = Batcher(work)

    async def come(number: int) -> int:
        for _ in range(number):
            await asyncio.sleep(0)
        time.sleep(0.001)  # noqa: ASYNC251  # work for the event loop, one after the other
        return await batcher.do(number)

    assert await asyncio.gather(*map(come, range(20, 84))) == [2 * n for n in range(20, 84)]
    assert len(work.batches) < 32
    assert max(map(len, work.batches)) > 4


async def test_who_gives_up_does_so_when_its_work_is_done() -> None:
    work = Work()
    batcher = Batcher(work)
    (task,) = await under_way(work, batcher, 7)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    work.go.set()
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.mark.timeout(20)
def test_the_end_of_the_event_loop_lets_those_go_who_wait() -> None:
    async def leave() -> None:
        work = Work()  # it is never let go
        await under_way(work, Batcher(work), 1, 2)

    asyncio.run(leave())
