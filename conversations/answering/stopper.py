"""The ear of a process for answers that are stopped, or deleted, in other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from uuid import UUID

from conversations.models import Generation, GenerationStatus
from rini.storage.database import in_database_patiently
from rini.storage.notifications import listener


class Stopper:
    """Calls `cancel` for those of the `running` generations that are to run no longer: one ear
    and one query for the whole process."""

    def __init__(self, running: Collection[UUID], cancel: Callable[[UUID], None]) -> None:
        self._running = running
        self._cancel = cancel
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
                if running := list(self._running):
                    for generation_id in await in_database_patiently(_stopped, running):
                        self._cancel(generation_id)


def _stopped(ids: list[UUID]) -> set[UUID]:
    wanted = Generation.objects.filter(
        id__in=ids, status=GenerationStatus.RUNNING, stop_requested_at=None
    )
    return set(ids).difference(wanted.values_list("id", flat=True))
