"""What an answer came to: the sums over the ledger rows of its calls. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Row(Protocol):
    """What is read of a ledger row."""

    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_nano: int | None
    time_to_first_token_ms: int | None
    duration_ms: int | None


def total(values: Iterable[int | None]) -> int | None:
    """The sum; None where a part of it is not known: unknown is not 0."""
    whole = 0
    for value in values:
        if value is None:
            return None
        whole += value
    return whole


def written(rows: Sequence[Row]) -> int | None:
    """The tokens of the answer's text: the output without what was only thought."""
    output = total(row.output_tokens for row in rows)
    if output is None:
        return None
    return max(0, output - sum(row.reasoning_tokens or 0 for row in rows))


def time_to_first_token(rows: Sequence[Row]) -> int | None:
    """In milliseconds since the first vendor was asked, also where a later call wrote it."""
    before = 0
    for row in rows:
        if row.time_to_first_token_ms is not None:
            return before + row.time_to_first_token_ms
        before += row.duration_ms or 0
    return None
