"""Titles of sessions: what a model thinks a conversation is about, in a few words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from accounts.authentication import Caller
from billing.holds import Payer
from billing.purposes import Purpose
from conversations import search, tree
from conversations.answering import transcript
from conversations.models import Role, Session
from conversations.tree import PathTurn
from providers.asking import Question
from providers.models import WireKind
from rini.errors import InvalidInput
from rini.translation import gettext as _

_LONGEST = 80
_READ = 2000  # characters of each message: what it is about shows at its beginning
_LABEL = re.compile(r"^(title|제목|标题|標題|タイトル)\s*[:：]\s*", re.IGNORECASE)
_INSTRUCTIONS = (
    "Give the conversation a title of two to six words, in its own language. Answer with the title "
    "alone, without quotation marks and without a full stop."
)


@dataclass(frozen=True, slots=True)
class Untitled:
    """A session that is to get a title: by asking, or by its `first_words` where there is nobody
    to ask."""

    session: Session
    first_words: str
    question: Question | None


def untitled(
    caller: Caller, session: Session, provider: str | None = None, model: str | None = None
) -> Untitled:
    """What to ask for a title; without a named model the session's, else that of its last answer.

    The demo model is not asked: it has no opinion. Raises `InvalidInput` for a session without
    messages, and what `catalogue.resolve` does.
    """
    beginning = [turn for turn in _beginning(session) if turn.content]
    if not beginning:
        raise InvalidInput(_("The session has no messages yet that a title could come from."))
    route = transcript.route(caller, provider, model, session, transcript.last_model(session))
    first_words = clean(beginning[0].content)
    if route.target.wire == WireKind.DEMO:
        return Untitled(session, first_words, None)
    text = "\n\n".join(f"{turn.role.upper()}: {turn.content[:_READ]}" for turn in beginning)
    payer = Payer.of(caller, Purpose.TITLE, session_id=session.id)
    return Untitled(session, first_words, Question(route, payer, _INSTRUCTIONS, text))


def _beginning(session: Session) -> list[PathTurn]:
    """The first question and its answer."""
    path = tree.path_turns(session.id, session.active_message_id)
    return [turn for turn in path if turn.role in {Role.USER, Role.ASSISTANT}][:2]


def clean(text: str) -> str:
    """A model's answer, or a question, as a title: one line without quotation marks, not long."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = _LABEL.sub("", line.strip("#*_` \t"))
    line = line.strip(" \t\"'“”‘’「」『』《》*").rstrip(".。")
    if len(line) <= _LONGEST:
        return line
    return f"{line[: _LONGEST - 1].rsplit(' ', 1)[0]}…"


def store(session_id: UUID, title: str, *, replace: bool) -> None:
    """Name a session; without `replace` only one that has no name yet: the user's own stays."""
    rows = Session.objects.filter(id=session_id)
    if not replace:
        rows = rows.filter(alias="")
    if title and rows.update(alias=title):
        search.index_title(Session.objects.get(id=session_id))
