"""Questions that Rini itself puts to a model, for a title or a summary, and who pays for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from accounts.authentication import Caller, authenticate_again
from accounts.models import User
from accounts.revocation import Right
from billing.holds import Payer
from providers.catalogue import Route
from providers.events import events_of
from providers.gateway import Call
from providers.types import ChatRequest, TextDelta
from providers.wires import registry
from rini.errors import NotAuthenticated
from rini.text import storable

# Some servers leave a model's thoughts in its text; of a thought that was cut nothing is an answer.
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, and who pays for it."""

    route: Route
    payer: Payer
    instructions: str
    text: str


async def ask(question: Question) -> str:
    """The model's answer. Raises `ProviderError`."""
    messages = [
        {"role": "system", "content": question.instructions},
        {"role": "user", "content": question.text},
    ]
    call = Call(question.route.target, ChatRequest(messages), question.payer)
    events = events_of(await call.completion())
    text = storable("".join(event.text for event in events if isinstance(event, TextDelta)))
    return _THOUGHTS.sub("", text).strip()


async def ask_and_close(question: Question) -> str:
    """`ask` in an event loop of its own, which leaves no connection behind."""
    try:
        return await ask(question)
    finally:
        await registry.close_all()


def caller_again(user: User, token_id: str | None) -> Caller | None:
    """The caller of a turn, for work that follows it; None if it may do nothing any more."""
    try:
        return authenticate_again(Right(user.pk, UUID(token_id) if token_id else None))
    except NotAuthenticated:
        return None
