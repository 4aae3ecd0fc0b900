"""Stopping an answer, from any process. Its text so far stays, and what it has used is billed."""

from __future__ import annotations

import asyncio
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from conversations import generation, journal
from conversations.models import Generation, GenerationStatus
from rini.database import in_database, in_database_patiently
from rini.errors import NotFound
from rini.loops import PerLoop
from rini.notifications import listener, notify

LONGEST_WAIT_SECONDS = 10.0


def generation_of(user: User, generation_id: UUID) -> Generation:
    """The user's generation; raises `NotFound`, also for somebody else's."""
    found = Generation.objects.visible_to(user).filter(id=generation_id).first()
    if found is None:
        raise NotFound(f"Generation {generation_id} not found.")
    return found


async def stop(user: User, generation_id: UUID) -> None:
    """Stop an answer, and return when it has ended. For one that has ended it does nothing."""
    await in_database(_request_stop, user, generation_id)
    generation.cancel(generation_id, GenerationStatus.STOPPED)
    try:
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            async for _ in journal.follow(generation_id):
                pass
    except TimeoutError:
        return  # its process is dead or cut off: the reaper ends it


def _request_stop(user: User, generation_id: UUID) -> None:
    found = generation_of(user, generation_id)
    Generation.objects.filter(id=found.id, status=GenerationStatus.RUNNING).update(
        stop_requested_at=timezone.now()
    )
    notify(["stop"])


class Stopper:
    """Stops what other processes ask to be stopped: one ear and one query for this process."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Begin, if it has not begun."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="stopper")

    async def _watch(self) -> None:
        woken = asyncio.Event()
        with listener().listening("stop", woken.set):
            while True:
                await woken.wait()
                woken.clear()
                if running := generation.running_ids():
                    for generation_id in await in_database_patiently(_requested, running):
                        generation.cancel(generation_id, GenerationStatus.STOPPED)


def _requested(ids: list[UUID]) -> list[UUID]:
    rows = Generation.objects.filter(id__in=ids, stop_requested_at__isnull=False)
    return list(rows.values_list("id", flat=True))


stopper = PerLoop(Stopper)
