"""Answers of which nothing is stored but the ledger's row.

The stream has the events of a generation; it cannot be taken up again, and ends with its reader.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from accounts.authentication import Caller
from conversations.answering import prompt
from conversations.answering.choice import Choice
from conversations.answering.events import EventType, JournalEvent, sse_frames
from conversations.answering.generation import as_journaled
from providers import fallbacks
from providers.events import events_of
from providers.fallbacks import Attempts
from providers.gateway import Call
from providers.types import ChatMessage, ChatRequest, Finished, FinishReason, Keepsake, TextDelta
from rini.errors import RiniError, problem
from rini.money import dollars
from rini.text import storable
from rini.web.api import known_error
from rini.web.request_id import request_id


def prepare(caller: Caller, messages: Sequence[ChatMessage], choice: Choice) -> Attempts:
    """The calls for a conversation. Needs the database; raises as `catalogue.resolve`."""
    told = prompt.instructed(messages, choice.system_prompt)
    request = ChatRequest(told, choice.params, choice.usual)
    return fallbacks.prepare(caller, choice.provider, choice.model, request, choice.fallbacks)


async def answer(attempts: Attempts) -> dict[str, Any]:
    """The whole answer: ``{response_text, finish_reason, prompt_tokens, completion_tokens, cost}``.

    Its finish reason is null where the vendor has told none that is known.
    """
    events = events_of(await attempts.whole(Call.completion))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    [reason] = [event.reason for event in events if isinstance(event, Finished)]
    return {"response_text": storable(text), "finish_reason": _told(reason), **_usage(attempts)}


async def frames(attempts: Attempts) -> AsyncGenerator[bytes, None]:
    """The answer as SSE frames, from ``generation.started`` to a terminal event."""
    target = attempts.call.target
    yield _frame(1, EventType.STARTED, {"provider": target.provider, "model": target.model})
    seq, text = 1, ""
    reason: FinishReason = "incomplete"
    error: RiniError | None = None
    try:
        async with aclosing(attempts.stream(Call.events)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    reason = event.reason
                    continue
                if isinstance(event, Keepsake):
                    continue
                seq += 1
                type_, data = as_journaled(event)
                if isinstance(event, TextDelta):
                    text += storable(event.text)
                yield _frame(seq, type_, data)
    except Exception as caught:
        # The answer has begun: its end has to say what happened, whatever it was.
        error = known_error(caught)
    yield _frame(seq + 1, _type(reason, error), _end(attempts, text, reason, error))


def _type(reason: FinishReason, error: RiniError | None) -> EventType:
    if error:
        return EventType.FAILED
    return EventType.INCOMPLETE if reason == "incomplete" else EventType.COMPLETED


def _told(reason: FinishReason) -> str | None:
    return None if reason == "incomplete" else reason


def _frame(seq: int, type_: EventType, data: Mapping[str, Any]) -> bytes:
    return sse_frames([JournalEvent(seq, type_, data)])


def _end(
    attempts: Attempts, text: str, reason: FinishReason, error: RiniError | None
) -> dict[str, Any]:
    target = attempts.call.target
    message = {
        "role": "assistant",
        "content": text,
        "finish_reason": _told(reason),
        "provider": target.provider,
        "model_used": target.model,
    }
    data: dict[str, Any] = {
        "message": message,
        "usage": _usage(attempts),
        "finish_reason": _told(reason),
    }
    return data | ({"problem": problem(error, request_id())} if error else {})


def _usage(attempts: Attempts) -> dict[str, Any]:
    record = attempts.call.record
    return {
        "prompt_tokens": record.input_tokens if record else None,
        "completion_tokens": record.output_tokens if record else None,
        "cost": dollars(record.cost_nano) if record else None,
    }
