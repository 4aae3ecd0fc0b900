"""A turn that is opened: a stored question, and the answer that is to come below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.authentication import Caller
from billing.holds import Payer
from conversations.answering.choice import Choice
from conversations.answering.context import History
from conversations.answering.recollection import Recollection
from conversations.models import Generation
from providers.catalogue import Route
from providers.types import ChatMessage


@dataclass(frozen=True, slots=True)
class Turn:
    """Its generation, with both messages, is stored; what the model gets is gathered later."""

    generation: Generation
    choice: Choice
    route: Route
    payer: Payer
    caller: Caller
    history: History | None = None
    """What was said before, if it has been read already (see `opening.with_history`)."""
    recollection: Recollection | None = None
    """What is known of the user, as far as it is told; None: nothing, or it was not to be."""
    told: Sequence[ChatMessage] | None = None
    """All that the model gets, where the caller has made it; then nothing is gathered."""
