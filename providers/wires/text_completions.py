"""Answers of OpenAI's old ``/completions``, whose choices have a ``text``, as a chat's. Pure."""

from __future__ import annotations

from typing import Any


def as_chat(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer, or a chunk of one, with each text as the content of a message and of a delta."""
    choices = answer.get("choices")
    if not isinstance(choices, list):
        return answer
    return {**answer, "choices": [_choice(choice) for choice in choices]}


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict) or not isinstance(choice.get("text"), str):
        return choice
    rest = {name: value for name, value in choice.items() if name != "text"}
    said = {"content": choice["text"]}
    return {**rest, "delta": said, "message": {"role": "assistant", **said}}
