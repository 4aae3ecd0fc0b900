"""Answers of which nothing is stored but the ledger's row.

The stream has the events of a generation; it cannot be taken up again, and ends with its reader.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from accounts.authentication import Caller
from conversations.answering.events import TERMINAL, JournalEvent, sse_frames
from conversations.answering.generation import as_journaled
from providers import gateway
from providers.events import events_of
from providers.gateway import Call
from providers.types import ChatMessage, ChatRequest, Finished, TextDelta
from rini.errors import RiniError, problem
from rini.money import dollars
from rini.text import storable
from rini.web.api import known_error
from rini.web.request_id import request_id


def prepare(caller: Caller, messages: Sequence[ChatMessage], body: Mapping[str, Any]) -> Call:
    """The call that a validated request for a completion asks for. Needs the database."""
    request = ChatRequest(messages, body["llm_params"])
    return gateway.prepare(caller, body.get("provider"), body.get("model"), request)


async def answer(call: Call) -> dict[str, Any]:
    """The whole answer: ``{response_text, prompt_tokens, completion_tokens, cost}``."""
    completion = await call.completion()
    text = "".join(event.text for event in events_of(completion) if isinstance(event, TextDelta))
    return {"response_text": storable(text), **_usage(call)}


async def frames(call: Call) -> AsyncGenerator[bytes, None]:
    """The answer as SSE frames, from ``generation.started`` to a terminal event."""
    target = call.target
    yield _frame(1, "generation.started", {"provider": target.provider, "model": target.model})
    seq, text, status = 1, "", "incomplete"
    error: RiniError | None = None
    try:
        async with aclosing(call.events()) as events:
            async for event in events:
                if isinstance(event, Finished):
                    status = "incomplete" if event.reason == "incomplete" else "completed"
                    continue
                seq += 1
                type_, data = as_journaled(event)
                if isinstance(event, TextDelta):
                    text += storable(event.text)
                yield _frame(seq, type_, data)
    except Exception as caught:
        # The answer has begun: its end has to say what happened, whatever it was.
        status, error = "failed", known_error(caught)
    yield _frame(seq + 1, TERMINAL[status], _end(call, text, error))


def _frame(seq: int, type_: str, data: Mapping[str, Any]) -> bytes:
    return sse_frames([JournalEvent(seq, type_, data)])


def _end(call: Call, text: str, error: RiniError | None) -> dict[str, Any]:
    message = {
        "role": "assistant",
        "content": text,
        "provider": call.target.provider,
        "model_used": call.target.model,
    }
    data: dict[str, Any] = {"message": message, "usage": _usage(call)}
    return data | ({"problem": problem(error, request_id())} if error else {})


def _usage(call: Call) -> dict[str, Any]:
    record = call.record
    return {
        "prompt_tokens": record.input_tokens if record else None,
        "completion_tokens": record.output_tokens if record else None,
        "cost": dollars(record.cost_nano) if record else None,
    }
