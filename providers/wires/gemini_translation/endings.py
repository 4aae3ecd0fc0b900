"""Why an answer ended, in OpenAI's words.

Reasons: https://ai.google.dev/api/generate-content#FinishReason. One that Rini does not know proves
nothing, so that the answer counts as broken off; so does one that says that a call of a tool came
to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_NO_MORE_TO_SAY = frozenset(("STOP", "MAX_TOKENS"))
_UNTOLD = frozenset(("FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"))


def ending(candidate: Mapping[str, Any], *, has_called: bool) -> dict[str, Any]:
    """A choice's ``finish_reason``; of an end that is not plain also Gemini's own reason and words,
    as ``native_finish_reason`` and ``native_finish_message``."""
    told = candidate.get("finishReason")
    if not isinstance(told, str) or not told:
        return {"finish_reason": None}
    reason = _REASONS.get(told)
    if reason == "stop" and has_called:
        reason = "tool_calls"
    if told in _NO_MORE_TO_SAY:
        return {"finish_reason": reason}
    return {"finish_reason": reason, **_native(told, candidate.get("finishMessage"))}


def block(response: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ending of every choice where the prompt was blocked, so that there are no candidates."""
    feedback = response.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    if not isinstance(feedback, Mapping) or not isinstance(reason, str) or not reason:
        return None
    told = _native(reason, feedback.get("blockReasonMessage"))
    return {"finish_reason": "content_filter", **told}


def _native(reason: str, message: object) -> dict[str, Any]:
    if reason in _UNTOLD:
        return {}
    words = {"native_finish_message": message} if isinstance(message, str) and message else {}
    return {"native_finish_reason": reason, **words}
