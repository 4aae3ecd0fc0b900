"""What a call has used, as it was settled."""

from __future__ import annotations

from billing.models import UsageRecord
from billing.usage import Usage


def usage_of(record: UsageRecord | None) -> Usage:
    if record is None:
        return Usage()
    return Usage(
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_input_tokens=record.cached_input_tokens,
        reasoning_tokens=record.reasoning_tokens,
    )
