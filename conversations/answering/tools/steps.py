"""The steps of an answer with tools: the model asks for calls, is told what came of them, and is
asked again, until it answers in words.

The last step has the tools, but may not call them, so that an answer always ends in words. So does
one that asks for the same calls again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from conversations.answering.tools.asked import Step
from conversations.answering.tools.calling import Calling
from conversations.answering.tools.toolbox import Toolbox
from providers.types import ChatMessage, Event, Finished, TextDelta, ToolCallDelta

Ask = Callable[[Sequence[ChatMessage], Mapping[str, Any]], AsyncGenerator[Event, None]]
"""Asks the model with messages and further parameters."""
_BETWEEN = "\n\n"
"""Between the texts of two steps."""


async def events(
    ask: Ask,
    messages: Sequence[ChatMessage],
    toolbox: Toolbox,
    calling: Calling,
    *,
    most: int,
    choice: Any = None,
) -> AsyncGenerator[Event, None]:
    """The answer as it comes, without the calls that it took; the last event is a `Finished`.

    At most so many steps with calls. `choice` is the caller's ``tool_choice``, for the first.
    """
    said: list[ChatMessage] = []
    offered = toolbox.offered()
    has_text, left = False, most
    for number in range(most + 1):
        step = Step()
        params = {"tools": offered, "tool_choice": _choice(number, left, choice)}
        async with aclosing(ask([*messages, *said], params)) as answer:
            async for event in answer:
                if isinstance(event, TextDelta) and has_text and not step.text:
                    yield TextDelta(_BETWEEN)
                step.read(event)
                if not isinstance(event, ToolCallDelta | Finished):
                    yield event
        has_text = has_text or bool(step.text)
        if not step.calls or not left:
            yield _end(step.end, step.text)
            return
        left = 0 if calling.repeats(step.calls) else left - 1
        results = await calling.made(number, step.calls)
        said += [step.message(), *_told(step, results)]


def _choice(number: int, left: int, choice: Any) -> Any:
    if not left:
        return "none"
    return choice if choice is not None and number == 0 else "auto"


def _told(step: Step, results: Sequence[str]) -> list[ChatMessage]:
    return [
        {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": result}
        for call, result in zip(step.calls, results, strict=True)
    ]


def _end(finished: Finished, text: str) -> Finished:
    """The end of the last step. One that calls tools though it may not has ended nothing."""
    if finished.reason != "tool_calls":
        return finished
    return replace(finished, reason="stop" if text else "incomplete")
