"""A session as a file: Rini's own JSON, which `importing` reads back, and Markdown.

The JSON names nothing by an id of this installation: messages are numbered from 1 in their order,
and `parent` is a number. So an imported session gives the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from conversations import fields
from conversations.answering import transcript
from conversations.answering.unfinished import with_text_so_far
from conversations.fields import Goes
from conversations.models import Message, MessageStatus, Role, Session
from rini.money import dollars

FORMAT, VERSION = "rini.session", 1
SESSION_FIELDS = fields.going(fields.SESSION, Goes.FILE)
MESSAGE_FIELDS = fields.going(fields.MESSAGE, Goes.FILE)
_SPEAKERS = {Role.USER: "User", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System"}


def as_json(session: Session) -> bytes:
    """The whole session, every branch: ``{"format", "version", "session", "messages"}``."""
    messages = with_text_so_far(session.messages.order_by("id"))
    numbers = {message.pk: number for number, message in enumerate(messages, 1)}
    row = {name: getattr(session, name) for name in SESSION_FIELDS}
    row["active_message"] = numbers.get(session.active_message_id or 0)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "session": row,
        "messages": [_message(message, numbers) for message in messages],
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document, option=options)


def as_markdown(session: Session) -> str:
    """The open path for people to read."""
    return "\n\n".join(_paragraphs(session)) + "\n"


def _message(message: Message, numbers: dict[int, int]) -> dict[str, Any]:
    row = {name: getattr(message, name) for name in MESSAGE_FIELDS}
    row["cost"] = dollars(row.pop("cost_nano"))
    if message.status == MessageStatus.STREAMING:  # a file does not go on
        row["status"] = MessageStatus.INCOMPLETE
    parent = message.parent_message_id
    number = {"number": numbers[message.pk], "parent": numbers[parent] if parent else None}
    return {**number, **row}


def _paragraphs(session: Session) -> Iterator[str]:
    yield f"# {session.alias or 'Conversation'}"
    yield f"{session.created_at:%Y-%m-%d %H:%M} UTC"
    if session.system_prompt:
        yield f"> {session.system_prompt.strip()}".replace("\n", "\n> ")
    for message in with_text_so_far(transcript.open_path(session)):
        speaker = _SPEAKERS.get(Role(message.role), message.role)
        model = f" ({message.provider}/{message.model_used})" if message.model_used else ""
        yield f"## {speaker}{model}"
        if message.original_filename:
            yield f"*{message.original_filename}*"
        if message.content:
            yield message.content.strip()
