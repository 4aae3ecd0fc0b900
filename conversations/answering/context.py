"""How much of a conversation a model is told: what its window and the operator's limit allow.

What does not fit is told by a summary, which is made in the background
(`conversations.digests.summaries`); until there is one, the oldest turns are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversations.answering import prompt
from conversations.digests import summaries
from conversations.models import Summary
from conversations.tree import PathTurn
from providers import tokens
from providers.catalogue import Route
from providers.errors import ContextTooLong
from providers.types import ChatMessage

# Vendors' tokenizers differ from ours, and a prompt has more than its texts.
_USABLE_TENTHS = 9
_ANSWER_AT_MOST = 2  # an answer's limit takes half of the window and no more
_SUMMARY_AT_MOST = 8  # and a summary an eighth


@dataclass(frozen=True, slots=True)
class Context:
    """What a model is told. `unsummarised` is the last message that no summary tells of."""

    messages: Sequence[ChatMessage]
    unsummarised: int | None = None


def of(
    system_prompt: str,
    path: Sequence[PathTurn],
    question: prompt.Turn,
    route: Route,
    *,
    llm_params: Mapping[str, Any],
    most_turns: int | None,
) -> Context:
    """The context for a question below a path. Raises `ContextTooLong` for one that cannot fit."""
    history: list[prompt.Turn] = [*path, question]
    counted = _counted(history, route.target.model)
    limit = None
    if route.context_window is not None:
        system_tokens = tokens.count(system_prompt, route.target.model)
        _check(route, system_tokens + prompt.size_of(counted[-1]))
        limit = max(0, room(route, llm_params) - system_tokens)
    start = prompt.first_kept(counted, tokens=limit, turns=most_turns)
    if not start:
        return Context(prompt.assemble(system_prompt, history, vision=route.vision))
    dropped = [turn.id for turn in path[:start]]
    summary = summaries.latest(dropped)
    text = _shortened(summary, route) if summary else ""
    covered = summary is not None and summary.message_id == dropped[-1]
    return Context(
        prompt.assemble(system_prompt, history[start:], text, vision=route.vision),
        unsummarised=None if covered else dropped[-1],
    )


def _counted(history: Sequence[prompt.Turn], model: str) -> Sequence[prompt.Turn]:
    """The turns with the counts of the model's own vocabulary, but for those with files."""
    if tokens.vocabulary_of(model) == tokens.USUAL:
        return history  # they are stored so
    return [
        turn
        if turn.file_reference
        else PathTurn(0, turn.role, turn.content, tokens.count(turn.content, model))
        for turn in history
    ]


def room(route: Route, llm_params: Mapping[str, Any]) -> int:
    """The tokens that system prompt and turns may have, beside a summary and the answer."""
    window = route.context_window or 0
    asked = llm_params.get("max_completion_tokens") or llm_params.get("max_tokens")
    answer = asked if isinstance(asked, int) else route.max_output_tokens or 0
    usable = window * _USABLE_TENTHS // 10 - min(answer, window // _ANSWER_AT_MOST)
    return usable - window // _SUMMARY_AT_MOST


def _check(route: Route, least: int) -> None:
    """Refuse what no cutting makes fit, before a vendor is asked."""
    if route.context_window is not None and least > route.context_window:
        raise ContextTooLong(
            f"The message and the system prompt have about {least} tokens; {route.target.provider}/"
            f"{route.target.model} takes {route.context_window}. Shorten them, or choose a model "
            "that takes more."
        )


def _shortened(summary: Summary, route: Route) -> str:
    """As much of a summary as has room."""
    room_left = (route.context_window or summary.token_count * _SUMMARY_AT_MOST) // _SUMMARY_AT_MOST
    if summary.token_count <= room_left:
        return summary.content
    return summary.content[: len(summary.content) * room_left // summary.token_count]
