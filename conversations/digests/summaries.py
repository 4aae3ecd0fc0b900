"""Stored summaries of what no longer fits into a prompt; `summarising` makes them.

A summary belongs to a message and sums up the path to it: all branches below share it, and a
branch that began above does not see it. The next one is made of it and of the turns since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from conversations.models import Summary
from providers import token_counts
from rini.storage.statements import execute, names, selected

TRY_AGAIN_AFTER = timedelta(minutes=5)
_MAX_CHARACTERS = 4000


_LATEST = f"""
    SELECT {names(Summary)} FROM conversations_summary
    WHERE message_id = ANY(%s) AND content <> '' ORDER BY message_id DESC LIMIT 1
"""  # noqa: S608  # names of columns


def latest(path: Sequence[int]) -> Summary | None:
    """The summary that covers the most of a path (its messages' ids), if there is one."""
    return next(iter(selected(Summary, _LATEST, [list(path)])), None)


_CLAIM = """
    INSERT INTO conversations_summary (message_id, content, token_count, model_used, claimed_at)
    VALUES (%s, '', 0, '', %s)
    ON CONFLICT (message_id) DO UPDATE SET claimed_at = excluded.claimed_at
        WHERE conversations_summary.content = '' AND conversations_summary.claimed_at < %s
    RETURNING id
"""


def claim(message_id: int) -> bool:
    """Whether the caller should make the summary: nobody else has tried to recently."""
    now = timezone.now()
    return bool(execute(_CLAIM, [message_id, now, now - TRY_AGAIN_AFTER]))


def store(message_id: int, content: str, model: str) -> None:
    """Keep a summary; it is used from the next turn on."""
    content = content[:_MAX_CHARACTERS]
    Summary.objects.filter(message_id=message_id).update(
        content=content, token_count=token_counts.count(content), model_used=model
    )
