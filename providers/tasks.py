"""Background work of the gateway."""

from __future__ import annotations

import structlog
from celery import shared_task

from billing import holds
from billing.ledger import Outcome
from billing.models import Hold, UsageSource, UsageStatus
from billing.usage import Usage
from rini.storage import heartbeat

log = structlog.get_logger(__name__)


@shared_task
def sweep() -> int:
    """Settle the holds that dead processes left, and say how many.

    Whoever knows what such a call had written (`conversations.tasks.reap`) has settled its hold
    already; of the rest only the prompt is known, and the prompt was sent.
    """
    left = list(holds.abandoned())
    for hold in left:
        holds.settle_now(hold.id, interrupted(hold, output_tokens=0))
    if left:
        log.warning("settled holds of dead processes", holds=len(left))
    heartbeat.bury()
    return len(left)


def interrupted(hold: Hold, output_tokens: int) -> Outcome:
    """The outcome of a call whose process died when it had written so much."""
    if hold.max_output_tokens is not None:
        output_tokens = min(output_tokens, hold.max_output_tokens)
    return Outcome(
        status=UsageStatus.INTERRUPTED,
        usage=Usage(input_tokens=hold.estimated_input_tokens, output_tokens=output_tokens),
        source=UsageSource.ESTIMATED,
    )
