"""What is known of the user, for a turn: entries of memory, and what was said elsewhere.

It is read in the visit to the database that opens a turn. Where it cannot be read the answer is
made without it. Sync.
"""

from __future__ import annotations

from collections.abc import Mapping

from conversations.answering import recollection
from conversations.answering.recollection import Entry, Quote, Recollection
from conversations.answering.turn import Turn
from conversations.models import MemoryMode, Message, MessageStatus, Role
from memory import recall
from rini import lexical

_EXCERPT = 400
"""Characters of a message that are told of it."""


def of(turn: Turn) -> Recollection | None:
    """What to tell of the user; None where memory is off, or nothing is known."""
    session, question = turn.generation.session, turn.generation.user_message
    if not is_on(turn):
        return None
    window = turn.route.context_window
    found = recall.recall(turn.caller.user, session.id, question.content, window)
    if found is None:
        return None
    quotes = _quotes(turn, found.message_ids)
    if not (found.entries or quotes):
        return None
    late = [recall.line(one) for one in found.with_question]
    return Recollection(
        recollection.block(found.block),
        recollection.with_question([*late, *(quote.line() for quote in quotes)]),
        [Entry(one.id, one.score, one.tokens) for one in found.entries],
        quotes,
    )


def is_on(turn: Turn) -> bool:
    """Whether a turn's session and its request let memory take part."""
    session = turn.generation.session
    off = session.hidden or session.memory_mode == MemoryMode.DISABLED
    return not off and turn.choice.memory is not False


def _quotes(turn: Turn, scores: Mapping[int, float]) -> list[Quote]:
    """What was said in the user's other conversations. (Of this one the model is told the history,
    or a summary of it.)"""
    if not scores:
        return []
    mine = Message.objects.visible_to(turn.caller.user).filter(status=MessageStatus.COMPLETE)
    others = mine.exclude(session=turn.generation.session_id)
    rows = others.exclude(session__memory_mode=MemoryMode.DISABLED).in_bulk(list(scores))
    question = turn.generation.user_message.content
    return [
        Quote(
            id_,
            str(rows[id_].session_id),
            "user" if rows[id_].role == Role.USER else "assistant",
            rows[id_].created_at,
            lexical.snippet(rows[id_].content, question, _EXCERPT),
            scores[id_],
        )
        for id_ in scores
        if id_ in rows
    ][: recall.MESSAGES]
