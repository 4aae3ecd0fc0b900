"""Background work of conversations."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from billing import holds
from billing.models import Hold, UsageRecord
from conversations import endings, journal
from conversations.endings import Ending
from conversations.models import Generation, GenerationStatus, JournalSegment
from conversations.wire import text_of
from providers import tokens
from providers.tasks import interrupted
from rini import heartbeat

log = structlog.get_logger(__name__)


@shared_task
def reap() -> int:
    """End the generations of dead processes as `interrupted`, with the text so far; how many."""
    alive = heartbeat.living().filter(id=OuterRef("process_id"))
    left = Generation.objects.filter(~Exists(alive), status=GenerationStatus.RUNNING)
    count = 0
    for generation in left.iterator():
        record = _settle(generation)
        endings.end(generation.id, [], Ending(GenerationStatus.INTERRUPTED, record))
        count += 1
    if count:
        log.warning("ended generations of dead processes", generations=count)
    return count


def _settle(generation: Generation) -> UsageRecord | None:
    """Settle the call of an interrupted answer by what it had written."""
    message_id = generation.assistant_message_id
    hold = Hold.objects.filter(message_id=message_id).first()
    if hold is None:
        return UsageRecord.objects.filter(message_id=message_id).first()
    events, _ = journal.read(generation.id, 0)
    written = text_of(events) + text_of(events, "reasoning.delta")
    return holds.settle(hold.id, interrupted(hold, tokens.count(written)))


@shared_task
def trim_journal() -> int:
    """Delete the journals of answers that ended long ago; their messages have the text."""
    limit = timezone.now() - timedelta(hours=settings.JOURNAL_RETENTION_HOURS)
    return JournalSegment.objects.filter(generation__finished_at__lt=limit).delete()[0]
