"""What a user decides about calls of tools that wait for it, from any window and any process."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from conversations.models import GenerationStatus
from conversations.tool_models import UNDECIDED, ToolCall, ToolCallState
from rini.errors import Conflict, NotFound
from rini.storage.notifications import notify
from rini.translation import gettext as _


def approve(user: User, call_id: UUID, arguments: dict[str, Any] | None = None) -> ToolCall:
    """Have a call made, with other arguments if they are given. Raises `NotFound`, and `Conflict`
    for a call that does not wait any more."""
    return _decide(user, call_id, ToolCallState.APPROVED, arguments)


def deny(user: User, call_id: UUID) -> ToolCall:
    """Have a call not made: the model is told so. Raises as `approve`."""
    return _decide(user, call_id, ToolCallState.DENIED, None)


def leave(generation_id: UUID) -> None:
    """An answer has ended: nobody makes the calls any more that wait, and of those that were
    running nobody knows what came of them."""
    now, calls = timezone.now(), ToolCall.objects.filter(generation=generation_id)
    calls.filter(state=ToolCallState.RUNNING).update(state=ToolCallState.UNKNOWN, ended_at=now)
    calls.filter(state__in=UNDECIDED).update(state=ToolCallState.DENIED, ended_at=now)


@transaction.atomic
def _decide(
    user: User, call_id: UUID, state: ToolCallState, arguments: dict[str, Any] | None
) -> ToolCall:
    mine = ToolCall.objects.visible_to(user).select_related("generation")
    call = mine.select_for_update(of=("self",)).filter(id=call_id).first()
    if call is None:
        raise NotFound(_("Call %(id)s not found.") % {"id": call_id})
    waits = call.waits and call.state == ToolCallState.REQUESTED
    if not waits or call.generation.status != GenerationStatus.RUNNING:
        raise Conflict(_("This call does not wait for a decision."))
    call.state = state
    if arguments is not None:
        call.arguments = arguments
    call.save(update_fields=["state", "arguments"])
    notify([f"tool:{call.id}"])
    return call
