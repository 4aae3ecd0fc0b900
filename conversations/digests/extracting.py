"""What is worth remembering of a conversation: its own words for a model, and who asks it.

Own words are what user and assistant said themselves. What the assistant repeats of memory, of
documents or of tools is left out, so that it is not learnt a second time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.authentication import Caller
from accounts.models import User
from billing.holds import Payer
from billing.purposes import Purpose
from conversations import tree
from conversations.answering import transcript
from conversations.models import Generation, Message, MessageStatus, Role, Session
from memory import extraction, learning, sources
from memory.extraction import Known, Line
from memory.models import Memory
from providers.asking import Question
from providers.models import WireKind
from rini.errors import InvalidInput, NotFound
from rini.translation import gettext as _

_READ = 8_000
"""Characters of a message that are shown."""
_READ_TOGETHER = 60_000
_WHOLE = (MessageStatus.COMPLETE, MessageStatus.STOPPED)


@dataclass(frozen=True, slots=True)
class Reading:
    """Lines to look through, and what to ask for it."""

    session_id: UUID
    lines: Sequence[Line]
    known: Sequence[Known]
    question: Question


def after(caller: Caller, generation: Generation) -> Reading | None:
    """What to ask after an exchange; None where it is not worth asking, or not allowed.

    Raises what `catalogue.resolve` does.
    """
    question, answer = generation.user_message, generation.assistant_message
    if not (extraction.says_enough(question.content) and learning.may_spend(caller.user.pk)):
        return None
    usual = f"{generation.provider}/{generation.model}"
    reading = _reading(caller, generation.session, [question, answer], usual)
    if reading is None or not learning.claim(caller.user.pk, generation.session_id, answer.pk):
        return None
    return reading


def on_request(caller: Caller, session_id: UUID, message_ids: Collection[int] | None) -> Reading:
    """What to ask of a session, or of those of its messages.

    Raises `NotFound`, `MemoryOff`, `InvalidInput` for a session without messages or a model that
    cannot read, and what `catalogue.resolve` does.
    """
    sources.check_writable(caller.user, session_id)
    session = transcript.session_of(caller.user, session_id)
    messages = _chosen(session, message_ids)
    reading = _reading(caller, session, messages, transcript.last_model(session))
    if reading is None:
        raise InvalidInput(
            _("There is nothing to remember yet, or only the demo model, which remembers nothing.")
        )
    return reading


def learnt(user: User, reading: Reading, answer: str, most: int) -> list[Memory]:
    """The entries that come of a model's answer."""
    found = extraction.proposals(answer, reading.lines, reading.known, most)
    return learning.take_in(user, reading.session_id, found)


def _chosen(session: Session, message_ids: Collection[int] | None) -> list[Message]:
    if message_ids is None:
        path = tree.path_ids(session.id, session.active_message_id)
        return tree.messages_of(path)
    rows = session.messages.in_bulk(list(message_ids))
    if missing := set(message_ids) - rows.keys():
        raise NotFound(
            _("Message %(message_id)s is not in this session.") % {"message_id": min(missing)}
        )
    return [rows[id_] for id_ in sorted(rows)]


def _reading(
    caller: Caller, session: Session, messages: Sequence[Message], usual: str | None
) -> Reading | None:
    lines = _lines(messages)
    named = settings.MEMORY_MODEL or None
    route = transcript.route(caller, None, named, session, usual)
    if not lines or route.target.wire == WireKind.DEMO:
        return None
    said = "\n".join(line.text for line in lines)
    known = learning.known(caller.user.pk, session.id, said)
    payer = Payer.of(caller, Purpose.MEMORY, session_id=session.id)
    shown = extraction.question(lines, known)
    return Reading(session.id, lines, known, Question(route, payer, extraction.INSTRUCTIONS, shown))


def _lines(messages: Sequence[Message]) -> list[Line]:
    """The last lines that fit, oldest first."""
    room, kept = _READ_TOGETHER, []
    recalled = _recalled(messages)
    for message in reversed(messages):
        if message.role not in {Role.USER, Role.ASSISTANT} or message.status not in _WHOLE:
            continue
        told = _told(message, recalled) if message.role == Role.ASSISTANT else ()
        text = extraction.own_words(message.content[:_READ], told) if told else message.content
        text = text[:_READ].strip()
        room -= len(text)
        if room < 0:
            break
        if text:
            kept.append(Line(message.pk, message.role, text))
    return kept[::-1]


def _told(answer: Message, recalled: Mapping[int, str]) -> list[str]:
    """What the model that wrote an answer was told beside the conversation."""
    passages = [str(one.get("content") or "") for one in answer.citations]
    results = [str(call.get("result") or "") for call in answer.tool_calls]
    return [*passages, *results, *(recalled[one["id"]] for one in _ids(answer, recalled))]


def _ids(answer: Message, recalled: Mapping[int, str]) -> list[dict[str, Any]]:
    return [one for one in answer.memories if one["id"] in recalled]


def _recalled(messages: Sequence[Message]) -> dict[int, str]:
    """What the entries say that went into the prompts of these answers."""
    ids = {one["id"] for message in messages for one in message.memories}
    return dict(Memory.objects.filter(pk__in=ids).values_list("pk", "content")) if ids else {}
