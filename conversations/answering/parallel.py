"""How many answers of one user may be written at the same time, over all processes."""

from __future__ import annotations

from django.conf import settings

from accounts.models import User
from conversations.models import Generation, GenerationStatus
from rini.errors import RateLimited
from rini.storage import heartbeat, locks
from rini.storage.locks import Lock
from rini.storage.statements import execute
from rini.translation import gettext as _

RETRY_AFTER_SECONDS = 5

_UNENDED = """
    SELECT count(*) FROM conversations_generation WHERE user_id = %s AND status = 'running'
"""


def admit(user: User) -> None:
    """Let the user begin another answer within this transaction. Raises `RateLimited`.

    The answers of a process that has died do not count.
    """
    own = user.parallel_generations
    most = settings.PARALLEL_GENERATIONS if own is None else own
    if not most:
        return
    locks.hold(Lock.ANSWERS_OF_USER, user.pk)
    [(unended,)] = execute(_UNENDED, [user.pk])
    if unended < most:
        return  # however many of them are of dead processes
    running = Generation.objects.filter(
        user=user, status=GenerationStatus.RUNNING, process_id__in=heartbeat.living().values("id")
    )
    if running.count() >= most:
        raise RateLimited(
            _(
                "%(most)s of your answers are being written, and no more may be at a time: wait "
                "for one, or stop it (POST /generations/{id}/stop)."
            )
            % {"most": most},
            code="too_many_generations",
            retry_after=RETRY_AFTER_SECONDS,
        )
