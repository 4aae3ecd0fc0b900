"""A message as Anthropic streams it: events with their names, and an ``error`` that says why it
ends before its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from billing.usage import Usage
from providers.errors import broken_off
from providers.gateway import Call
from providers.messages import MessagesCall
from rini.dialects.anthropic.answers import Answer
from rini.dialects.anthropic.failures import body_of
from rini.errors import RiniError
from rini.web import json_lines, sse
from rini.web.api import known_error
from rini.web.request_id import request_id

Frames = AsyncGenerator[bytes, None]
KEEPALIVE = sse.encode(b'{"type": "ping"}', event="ping")
_LAST = "message_stop"


async def relayed(call: MessagesCall) -> Frames:
    """The vendor's own events. What fails before the first raises; what fails later is a frame."""
    last = ""
    try:
        async with aclosing(call.relayed()) as events:
            async for raw in events:
                last = _type_of(raw)
                yield sse.encode(json_lines.escaped(raw), event=last)
        if last != _LAST:
            raise broken_off(call.target.provider)
    except Exception as error:
        # The answer has begun: its end has to say what happened, whatever it was.
        if not last:
            raise
        yield failure(known_error(error))


async def translated(call: Call, answer: Answer) -> Frames:
    """As `relayed`, of a vendor of another format."""
    began = False
    try:
        async with aclosing(call.chunks()) as chunks:
            async for chunk in chunks:
                if not began:
                    began = True
                    for event in answer.opening():
                        yield _frame(event)
                for event in answer.events(chunk):
                    yield _frame(event)
        if call.is_cut_off:
            raise broken_off(call.target.provider)
        for event in answer.ending(usage_of(call)):
            yield _frame(event)
    except Exception as error:
        if not began:
            raise
        yield failure(known_error(error))


def usage_of(call: Call) -> Usage:
    """What the call has used, as it was settled."""
    return call.record.usage if call.record else Usage()


def failure(error: RiniError) -> bytes:
    """The last frame of a stream that cannot go on."""
    return _frame(body_of(error, request_id()))


def _frame(event: dict[str, Any]) -> bytes:
    return sse.encode(json_lines.encoded(event), event=event["type"])


def _type_of(raw: bytes) -> str:
    event = orjson.loads(raw) if raw.startswith(b"{") else {}
    name = str(event.get("type", "message"))
    # It goes into a line of its own: a line end in it would begin another field.
    return name if name.isidentifier() else "message"
