"""Questions that Rini itself puts to a model, for a title or a summary, and who pays for them."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.authentication import Caller
from accounts.models import ApiToken, User
from billing.holds import Payer
from providers.catalogue import Route
from providers.events import events_of
from providers.gateway import Call
from providers.types import ChatRequest, TextDelta
from providers.wires import registry
from rini.text import storable


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
    return storable("".join(event.text for event in events if isinstance(event, TextDelta))).strip()


async def ask_and_close(question: Question) -> str:
    """`ask` in an event loop of its own, which leaves no connection behind."""
    try:
        return await ask(question)
    finally:
        await registry.close_all()


def caller_again(user: User, token_id: str | None) -> Caller | None:
    """The caller of a request, for work that follows it; None if its token has been revoked."""
    if token_id is None:
        return Caller(user, None)
    token = ApiToken.objects.visible_to(user).filter(id=token_id).first()
    return Caller(user, token) if token else None
