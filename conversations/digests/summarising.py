"""How a summary is made: what a model is asked to condense."""

from __future__ import annotations

from billing.holds import Payer
from billing.purposes import Purpose
from conversations import tree
from conversations.answering import context, prompt
from conversations.digests import summaries
from conversations.models import Message, Summary
from providers import asking, catalogue
from providers.asking import Question

_INSTRUCTIONS = (
    "You get the beginning of a conversation between a user and an assistant. Summarise it for the "
    "assistant, who will go on without having read it: what the user wants, facts, names, numbers, "
    "decisions, and what is still open. Leave out pleasantries. Write in the language of the "
    "conversation, at most 300 words, and nothing but the summary."
)


def question(message_id: int, provider: str, model: str, token_id: str | None) -> Question | None:
    """What to ask for a summary of the path down to a message.

    None if it is not needed any more. Raises what `catalogue.resolve` does.
    """
    message = Message.objects.select_related("user").filter(id=message_id).first()
    caller = asking.caller_again(message.user, token_id) if message else None
    made = Summary.objects.filter(message_id=message_id).exclude(content="").exists()
    if message is None or caller is None or made:
        return None
    session_id = message.session_id
    route = catalogue.resolve(caller, provider=provider, model=model, session_id=session_id)
    payer = Payer.of(caller, Purpose.SUMMARY, session_id=session_id)
    return Question(route, payer, _INSTRUCTIONS, _text(message, route))


def _text(message: Message, route: catalogue.Route) -> str:
    """The turns since the last summary, after it; of too many the newest."""
    path = tree.path_turns(message.session_id, message.id)
    former = summaries.latest([turn.id for turn in path])
    since = former.message_id if former else 0
    fresh = [turn for turn in path if turn.id > since and turn.content]
    limit = context.room(route, {}) if route.context_window is not None else None
    kept = fresh[prompt.first_kept(fresh, tokens=limit) :] or fresh[-1:]
    text = "\n\n".join(f"{turn.role.upper()}: {turn.content}" for turn in kept)
    return f"{prompt.SUMMARY_HEADING}\n{former.content}\n\n{text}" if former else text
