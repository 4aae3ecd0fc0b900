"""Stopping an answer, from any process. Its text so far stays, and what it has used is billed."""

from __future__ import annotations

import asyncio
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from conversations.answering import generation, journal
from conversations.models import Generation, GenerationStatus
from conversations.visibility import GenerationQuerySet
from rini.errors import NotFound
from rini.storage.database import in_database
from rini.storage.notifications import notify
from rini.translation import gettext as _

LONGEST_WAIT_SECONDS = 10.0


def generation_of(user: User, generation_id: UUID) -> Generation:
    """The user's generation; raises `NotFound`, also for somebody else's."""
    found = Generation.objects.visible_to(user).filter(id=generation_id).first()
    if found is None:
        raise NotFound(
            _("Generation %(generation_id)s not found.") % {"generation_id": generation_id}
        )
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


def take_away(generations: GenerationQuerySet) -> None:
    """Take generations from the processes that write them: those store nothing more, and stop.

    For what is about to be deleted, in the same transaction.
    """
    writing = generations.filter(status=GenerationStatus.RUNNING)
    if writing.update(status=GenerationStatus.INTERRUPTED):
        notify(["stop"])


def _request_stop(user: User, generation_id: UUID) -> None:
    found = generation_of(user, generation_id)
    Generation.objects.filter(id=found.id, status=GenerationStatus.RUNNING).update(
        stop_requested_at=timezone.now()
    )
    notify(["stop"])
