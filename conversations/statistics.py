"""What a session amounts to: its messages, and what its calls have used by the ledger's sums."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Min, Q, Sum

from billing.models import Rollup
from conversations.models import Role, Session
from rini.money import dollars


def summary(session: Session) -> dict[str, Any]:
    """Counts and times of all branches; tokens, cost and models of every call for the session.

    `cost` is of the calls with a known price; `unpriced_calls` are not in it.
    """
    sums = session.messages.aggregate(
        message_count=Count("id"),
        user_message_count=Count("id", filter=Q(role=Role.USER)),
        assistant_message_count=Count("id", filter=Q(role=Role.ASSISTANT)),
        first_message_at=Min("created_at"),
        last_message_at=Max("created_at"),
    )
    rollups = Rollup.objects.filter(user_id=session.user_id, session_id=session.id)
    used = rollups.aggregate(
        calls=Sum("calls", default=0),
        prompt_tokens=Sum("input_tokens", default=0),
        completion_tokens=Sum("output_tokens", default=0),
        cost_nano=Sum("cost_nano", default=0),
        unpriced_calls=Sum("unpriced_calls", default=0),
    )
    models = rollups.order_by().values_list("provider", "model").distinct()
    cost = dollars(used.pop("cost_nano"))
    return {
        "session_id": session.id,
        **sums,
        **used,
        "total_tokens": used["prompt_tokens"] + used["completion_tokens"],
        "cost": cost,
        "models": sorted(f"{provider}/{model}" for provider, model in models),
    }
