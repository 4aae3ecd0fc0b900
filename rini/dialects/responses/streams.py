"""A response as it streams: events with their names and numbers, from the beginning or from where a
reader left off."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from time import time
from typing import Any
from uuid import UUID

from accounts.models import User
from conversations.answering import answers, journal
from conversations.answering.events import EventType, JournalEvent
from conversations.answering.generation import Running
from providers.errors import broken_off
from providers.gateway import Call
from providers.types import Event, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from rini.dialects.openai.failures import body_of
from rini.dialects.responses import output, stored
from rini.dialects.responses.answer import Answer
from rini.dialects.responses.response import Response, status_of
from rini.errors import RiniError
from rini.storage.database import in_database
from rini.web import json_lines, sse
from rini.web.api import known_error

Json = dict[str, Any]
Frames = AsyncGenerator[bytes, None]


async def passing(call: Call, answer: Answer, response: Response) -> Frames:
    """A response that is not stored. What fails before the first event raises; what fails later is
    the end of the response."""
    began, reason = False, "incomplete"
    failure: Json | None = None
    try:
        async with aclosing(call.events()) as events:
            async for event in events:
                if not began:
                    began = True
                    yield _frames(answer.opening(response.json()))
                if isinstance(event, Finished):
                    reason = event.reason
                yield _frames(answer.events(event))
    except Exception as error:
        # The answer has begun: its end has to say what happened, whatever it was.
        if not began:
            raise
        failure = body_of(known_error(error))["error"]
    yield _frames(answer.ending(ended(response, answer, call, reason, failure).json()))


def ended(
    response: Response, answer: Answer, call: Call, reason: str, failure: Json | None = None
) -> Response:
    """The whole response, when its answer has been read."""
    is_cut = failure is not None or reason == "incomplete"
    status, incomplete = status_of(reason, is_cut=is_cut)
    if is_cut and failure is None:
        failure = body_of(broken_off(call.target.provider))["error"]
    error = failure and {"code": failure["code"], "message": failure["message"]}
    items = answer.items(output.COMPLETED if status == "completed" else output.INCOMPLETE)
    return replace(
        response,
        status=status,
        incomplete=incomplete,
        error=error,
        output=items,
        usage=call.record.usage if call.record else None,
        ended_at=time(),
    )


async def begun(running: Running, answer: Answer, user: User, *, stops: bool) -> Frames:
    """A response that has just begun; if it `stops`, it ends with its reader."""
    async with aclosing(answers.events(running, stops=stops)) as batches:
        async for frame in _told(batches, running.id, answer, user):
            yield frame


async def again(response_id: UUID, answer: Answer, user: User, after: int) -> Frames:
    """The events of a stored response behind the number `after`."""
    async with aclosing(journal.follow(response_id)) as batches:
        async for frame in _told(batches, response_id, answer, user, after):
            yield frame


async def _told(
    batches: AsyncGenerator[list[JournalEvent], None],
    response_id: UUID,
    answer: Answer,
    user: User,
    after: int = -1,
) -> Frames:
    is_opened = False
    async for batch in batches:
        frames = b""
        for event in batch:
            if not is_opened:
                is_opened = True
                first = await in_database(_beginning, user, response_id)
                frames += _frames(answer.opening(first), after)
            if event.is_terminal:
                last = await in_database(_now, user, response_id)
                frames += _frames(answer.ending(last), after)
            elif event.type == EventType.RETRIEVED:
                search = await in_database(_search, user, response_id, event)
                frames += _frames(answer.searched(search), after)
            else:
                told = [e for one in _read(event) for e in answer.events(one)]
                frames += _frames(told, after)
        if frames:
            yield frames


def _now(user: User, response_id: UUID) -> Json:
    return stored.response_of(stored.find(user, response_id))


def _search(user: User, response_id: UUID, event: JournalEvent) -> Json:
    return stored.search_item(stored.find(user, response_id), event.data)


def _beginning(user: User, response_id: UUID) -> Json:
    """The response as it was when it began."""
    nothing: Json = {"output": [], "usage": None, "error": None, "incomplete_details": None}
    return {**_now(user, response_id), **nothing, "status": "in_progress", "completed_at": None}


def _read(event: JournalEvent) -> Iterable[Event]:
    data = event.data
    match event.type:
        case EventType.TEXT:
            yield TextDelta(data["text"])
        case EventType.REASONING:
            yield ReasoningDelta(data["text"])
        case EventType.TOOL:
            yield ToolCallDelta(data["index"], data["id"], data["name"], data["arguments"])


def _frames(events: Iterable[Json], after: int = -1) -> bytes:
    return b"".join(
        sse.encode(json_lines.encoded(event), event=event["type"])
        for event in events
        if event["sequence_number"] > after
    )


def farewell(error: RiniError) -> bytes:
    """The last frame for a caller that may not read on."""
    told = body_of(error)["error"]
    event = {"type": "error", "code": told["code"], "message": told["message"], "param": None}
    return sse.encode(json_lines.encoded(event), event="error")
