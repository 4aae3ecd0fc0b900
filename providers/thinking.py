"""Which models think out of sight, and how much of it is charged where nobody told.

Vendors bill thinking as output, tell how much it was at the end only, and show none or a summary of
it. A reader that leaves before the end has had it all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.types import Target

TOKENS_PER_SECOND = 300
"""No vendor that hides its thinking writes faster (https://artificialanalysis.ai)."""
FREE_SECONDS = 1.0
"""So long, about, takes the way to the vendor and the reading of a prompt."""
_NAMES = re.compile(
    r"(?:^|/)(?:o\d|gpt-[5-9]|gpt-oss|grok-(?:3-mini|[4-9])|gemini-(?:2\.5|[3-9])|magistral|qwq|qwen3"
    r"|glm-(?:4\.[5-9]|z|[5-9])|deepseek-(?:r\d|v[4-9])|minimax-m|kimi-k[2-9])|think|reason"
)


def thinks(target: Target, params: Mapping[str, Any]) -> bool:
    """By the request, or by the model's name."""
    if params.get("reasoning_effort") not in (None, "none"):
        return True
    if params.get("reasoning"):
        return True
    thinking = params.get("thinking")
    if isinstance(thinking, Mapping):
        return thinking.get("type") != "disabled"
    return bool(_NAMES.search(target.model.lower()))


def tokens_in(seconds: float) -> int:
    """The most that a model has written out of sight in so long."""
    return round(max(0.0, seconds - FREE_SECONDS) * TOKENS_PER_SECOND)
