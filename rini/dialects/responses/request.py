"""A response's request as its model gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers import token_counts
from providers.thinking import thinks
from providers.types import ChatMessage, ChatRequest, Target
from providers.vendors import vendor
from rini.dialects.responses import to_chat

_ROOM = 0.9
"""How much of a window is filled where the count is ours and not the vendor's."""


def chat_request(
    target: Target, settings: Mapping[str, Any], given: Sequence[Mapping[str, Any]]
) -> ChatRequest:
    """What goes to the model at `target`; with ``truncation: auto`` without the oldest turns where
    they do not fit."""
    chat = to_chat.chat_request(
        settings,
        given,
        limit=vendor(target.provider).output_limits[0],
        thinks=thinks(target, {}),
        is_openai=target.provider == "openai",
    )
    if settings["truncation"] != "auto" or target.context_window is None:
        return chat
    answer = settings["max_output_tokens"] or 0
    return _shortened(chat, int(target.context_window * _ROOM) - answer, target.model)


def _shortened(chat: ChatRequest, most: int, model: str) -> ChatRequest:
    messages = list(chat.messages)
    while token_counts.count_request(replace(chat, messages=messages), model) > most:
        cut = _without_oldest(messages)
        if cut is None:
            break
        messages = cut
    return replace(chat, messages=messages)


def _without_oldest(messages: list[ChatMessage]) -> list[ChatMessage] | None:
    """Without the first turn of a user and what answered it; None where there is but one."""
    begins = [i for i, message in enumerate(messages) if message["role"] == "user"]
    if len(begins) < 2:
        return None
    first, second = begins[:2]
    system = [message for message in messages[:second] if message["role"] == "system"]
    return [*system, *messages[second:]] if first < second else None
