"""What a model is told of a user: a block at the top of a session's prompts, and what fits the
question.

The block stands below the system prompt and stays the same from turn to turn, so that vendors'
prompt caches hit; it is made anew only when one of its entries changes, or there is a new rule. In
it are the rules and instructions, then what fits the first question best, then what is important
and new, as far as there is room. What a later question brings up besides stands with that question.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from memory import sources, traces
from memory.models import ALWAYS_TOLD, Block, Memory, Vocabulary
from memory.traces import Found
from providers import token_counts

MESSAGES = 5
"""Messages of other conversations that are told with a question."""
_LEAST_SHARE = 0.15
"""What something must have of a question's weight to be told with it: below they share only small
words."""
_HALF_LIFE_DAYS = 180.0
_CONSIDERED = 1000
"""Of more entries than these the oldest are told only where they fit the question."""


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that goes into a prompt."""

    id: int
    memory_type: str
    content: str
    valid_from: datetime
    score: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """What of memory goes into a prompt. `message_ids` are messages of the user that have words of
    the question, the best first, with their scores; whoever tells them looks after their room."""

    block: str
    entries: Sequence[Told]
    """Those of the block, then those that stand with the question."""
    with_question: Sequence[Told]
    message_ids: Mapping[int, float]


def recall(
    user: User, session_id: UUID, question: str, window: int | None = None
) -> Recalled | None:
    """What to tell of a user's memory for a question of a session; None where memory is off.

    Whether the session takes part is the caller's to know. `window` is the context window of the
    model, of which an eighth at most is used.
    """
    if not sources.is_on_for(user):
        return None
    if not Vocabulary.objects.filter(user=user).exists():
        return None
    found = traces.search(user.pk, session_id, question) if question.strip() else []
    scores = _standardised({one.memory_id: one.score for one in found if one.memory_id})
    budget: int = settings.MEMORY_PROMPT_TOKENS
    budget = budget if window is None else min(budget, window // 8)
    stored = Block.objects.filter(session_id=session_id, user=user).first()
    if stored is None or _is_stale(stored, user, session_id):
        stored = _make(user, session_id, scores, budget * 2 // 3)
    in_block = list(stored.stamps())
    rows = Memory.objects.told_in(session_id).filter(user=user).in_bulk([*in_block, *scores])
    frozen = [_told(rows[id_], scores.get(id_, 0.0)) for id_ in in_block if id_ in rows]
    late = [
        _told(rows[id_], scores[id_])
        for one in found
        if (id_ := one.memory_id) in rows and id_ is not None and id_ not in in_block
        if _matters(one)
    ]
    with_question = _fitting(late, budget // 3)
    messages = {
        one.message_id: round(one.share, 4)
        for one in found
        if one.message_id is not None and _matters(one)
    }
    return Recalled(stored.text, [*frozen, *with_question], with_question, messages)


def _matters(found: Found) -> bool:
    return found.fits and found.share >= _LEAST_SHARE


def _is_stale(block: Block, user: User, session_id: UUID) -> bool:
    """Whether an entry of the block has changed or gone, or there is a rule that is not in it."""
    stamps = block.stamps()
    told = Memory.objects.told_in(session_id).filter(user=user)
    now = dict(told.filter(pk__in=stamps).values_list("pk", "updated_at"))
    rules = told.filter(memory_type__in=ALWAYS_TOLD, updated_at__gt=block.made_at)
    return now != stamps or rules.exists()


def _make(user: User, session_id: UUID, scores: Mapping[int, float], budget: int) -> Block:
    """The block of a session, chosen anew and kept."""
    told = Memory.objects.told_in(session_id).filter(user=user)
    rows = {row.pk: row for row in told.order_by("-timestamp", "-pk")[:_CONSIDERED]}
    rows |= told.in_bulk([id_ for id_ in scores if id_ not in rows])
    rows |= {row.pk: row for row in told.filter(memory_type__in=ALWAYS_TOLD)[:_CONSIDERED]}
    best = sorted(rows.values(), key=lambda row: _rank(row, session_id, scores), reverse=True)
    chosen = _fitting([_told(row, scores.get(row.pk, 0.0)) for row in best], budget)
    chosen.sort(key=lambda one: one.id)  # of whichever question, the same entries in the same order
    stamps = {str(one.id): rows[one.id].updated_at.isoformat() for one in chosen}
    block, _made = Block.objects.update_or_create(
        session_id=session_id,
        defaults={
            "user": user,
            "entries": stamps,
            "text": "\n".join(line(one) for one in chosen),
            "made_at": timezone.now(),
        },
    )
    return block


def line(told: Told) -> str:
    """An entry as a model reads it: one line, whatever is in it."""
    text = " ".join(told.content.split())
    return f"- [{told.memory_type}, {told.valid_from:%Y-%m-%d}] {text}"


def _rank(row: Memory, session_id: UUID, scores: Mapping[int, float]) -> tuple[bool, bool, float]:
    age = (timezone.now() - row.timestamp).total_seconds() / 86_400
    freshness = math.exp2(-max(age, 0.0) / _HALF_LIFE_DAYS)
    # A score of 0 is the average of what was found; what was not found is below all of it.
    fit = scores.get(row.pk, min(scores.values(), default=0.0) - 1)
    own = row.session_id == session_id
    return row.memory_type in ALWAYS_TOLD, own, fit + row.importance + 0.5 * freshness


def _told(row: Memory, score: float) -> Told:
    tokens = token_counts.count(row.content) + 12  # its line's type and date
    return Told(row.pk, row.memory_type, row.content, row.valid_from, round(score, 4), tokens)


def _fitting(entries: Iterable[Told], budget: int) -> list[Told]:
    """As many of the best as fit; one that is too long leaves its room to the next."""
    kept = []
    for one in entries:
        if one.tokens <= budget:
            kept.append(one)
            budget -= one.tokens
    return kept


def _standardised(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores less their mean, by their standard deviation, in their order."""
    if not scores:
        return {}
    mean = sum(scores.values()) / len(scores)
    deviation = math.sqrt(sum((score - mean) ** 2 for score in scores.values()) / len(scores))
    return {key: (score - mean) / deviation if deviation else 0.0 for key, score in scores.items()}
