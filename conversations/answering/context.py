"""How much of a conversation a model gets: what its window and the operator's limit allow.

What does not fit is told by a summary, which is made in the background
(`conversations.digests.summaries`); until there is one, the oldest turns are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from conversations.answering import prompt
from conversations.answering.choice import Choice
from conversations.digests import summaries
from conversations.models import Role, Summary
from conversations.tree import PathTurn
from providers import token_counts
from providers.catalogue import Route
from providers.errors import ContextTooLong
from rini.translation import gettext as _

# Vendors' tokenizers differ from ours, and a prompt has more than its texts.
_USABLE_TENTHS = 9
_ANSWER_AT_MOST = 2  # an answer's limit takes half of the window and no more
_SUMMARY_AT_MOST = 8  # and a summary an eighth


@dataclass(frozen=True, slots=True)
class History:
    """What of a conversation is told: its last turns, the question at their end, and a summary of
    those before them."""

    system_prompt: str
    turns: Sequence[prompt.Turn]
    left_out: Sequence[int] = ()
    """The ids of the messages before `turns`."""
    summary: str = ""
    unsummarised: int | None = None
    """The last message that was left out, if the summary does not reach so far."""


def check(system_prompt: str, question: prompt.Turn, route: Route) -> None:
    """Raise `ContextTooLong` for a question that no cutting makes fit, before a vendor is asked."""
    window, model = route.context_window, route.target.model
    if window is None:
        return
    least = token_counts.count(system_prompt, model) + prompt.size_of(
        _counted([question], model)[0]
    )
    if least > window:
        raise ContextTooLong(
            _(
                "The message and the system prompt have about %(least)s tokens; "
                "%(provider)s/%(model)s takes %(window)s. Shorten them, or choose a model that "
                "takes more."
            )
            % {"least": least, "provider": route.target.provider, "model": model, "window": window}
        )


def of(
    system_prompt: str,
    path: Sequence[prompt.Turn],
    question: prompt.Turn,
    route: Route,
    choice: Choice,
) -> History:
    """What the model gets for a question below a path. Needs the database, for a summary."""
    if choice.context_messages is not None:
        path = prompt.recent(path, choice.context_messages - 1)
    whole = History(system_prompt, [*path, question])
    limit, model = None, route.target.model
    if route.context_window is not None:
        params = {**choice.usual, **choice.params}
        limit = max(0, room(route, params) - token_counts.count(system_prompt, model))
    counted = _counted(whole.turns, model)
    start = prompt.first_kept(counted, tokens=limit, turns=settings.CONTEXT_TURNS)
    return _cut(whole, start, route)


def halved(history: History, route: Route) -> History | None:
    """`history` without the older half of the turns before its question; None if it has none.

    For a vendor who counts otherwise than Rini. Needs the database, for a summary.
    """
    before = len(history.turns) - 1
    start = (before + 1) // 2
    while start < before and history.turns[start].role != Role.USER:
        start += 1
    return _cut(history, start, route) if start else None


def room(route: Route, params: Mapping[str, Any]) -> int:
    """The tokens that system prompt and turns may have, beside a summary and the answer."""
    window = route.context_window or 0
    most = params.get("max_completion_tokens") or params.get("max_tokens")
    answer = most if isinstance(most, int) else route.max_output_tokens or 0
    usable = window * _USABLE_TENTHS // 10 - min(answer, window // _ANSWER_AT_MOST)
    return usable - window // _SUMMARY_AT_MOST


def _cut(history: History, start: int, route: Route) -> History:
    """`history` from its turn `start` on, with the summary that covers the most of those before."""
    if not start:
        return history
    stored = [turn.id for turn in history.turns[:start] if turn.id]
    left_out = [*history.left_out, *stored]
    summary = summaries.latest(left_out)
    covered = not left_out or (summary is not None and summary.message_id == left_out[-1])
    return replace(
        history,
        turns=history.turns[start:],
        left_out=left_out,
        summary=_shortened(summary, route) if summary else "",
        unsummarised=None if covered else left_out[-1],
    )


def _counted(turns: Sequence[prompt.Turn], model: str) -> Sequence[prompt.Turn]:
    """The turns with the counts of the model's own vocabulary, but for those with files."""
    if token_counts.vocabulary_of(model) == token_counts.USUAL:
        return turns  # they are stored so
    return [
        turn
        if turn.file_reference
        else PathTurn(0, turn.role, turn.content, token_counts.count(turn.content, model))
        for turn in turns
    ]


def _shortened(summary: Summary, route: Route) -> str:
    """As much of a summary as has room."""
    room_left = (route.context_window or summary.token_count * _SUMMARY_AT_MOST) // _SUMMARY_AT_MOST
    if summary.token_count <= room_left:
        return summary.content
    return summary.content[: len(summary.content) * room_left // summary.token_count]
